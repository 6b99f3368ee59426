"""API client of Signicat Sign API v2: one method for each of its operations, and the search of its list."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec
from pydantic import SecretStr

from providers.decoding.coercion import parse_count, parse_seconds
from providers.decoding.json import MALFORMED, decode, decode_rows
from providers.errors import Misbehaved, NotFound, SigningError
from providers.http.client import HttpClient
from providers.http.credentials import Token
from providers.http.message.request import QueryParams
from providers.http.message.response import Response
from providers.http.response_memo import ResponseMemo
from providers.model import Content, UnreadableRow, next_offset
from providers.orders import DocumentOrder
from providers.signicat.composition.native_session import NativeSession
from providers.signicat.errors import no_token, token_refused
from providers.signicat.settings import SignicatSettings
from providers.signicat.wire import (
    MOST_OFFSET,
    MOST_ROWS,
    AccessToken,
    Collection,
    Metadata,
    SigningSession,
    SigningSessions,
    instant_text,
)

T = TypeVar("T")


class Slice(NamedTuple):
    """A slice of the list of native sessions; ``following`` is the offset of the next slice, None at the end."""

    rows: Sequence[NativeSession]
    total: int | None
    following: int | None
    unreadable: tuple[UnreadableRow, ...] = ()


DOCUMENT, COLLECTION, SESSION = "document", "document_collection", "signing_session"
_DELETED_BY = {DOCUMENT: "delete_document", COLLECTION: "delete_collection", SESSION: "delete_session"}


async def fetch_token(http: HttpClient, settings: SignicatSettings) -> Token:
    """OAuth client credentials grant. Raises ``AuthorizationRequired`` for every refusal, whatever its status."""
    pair = f"{settings.client_id}:{settings.client_secret.get_secret_value()}"
    basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
    try:
        reply = await http.request(
            "POST",
            "",
            body=urlencode({"grant_type": "client_credentials", "scope": "signicat-api"}).encode(),
            headers={"content-type": "application/x-www-form-urlencoded", "authorization": basic},
            repeatable=True,
            base_url=settings.token_url,
            authorized=False,
        )
        token = reply.json(AccessToken)
    except MALFORMED as error:
        raise no_token(settings.name) from error
    except SigningError as error:
        if error.retryable or isinstance(error, Misbehaved):
            raise
        raise token_refused(settings.name, error) from error
    return Token(SecretStr(token.access_token), parse_seconds(token.expires_in) or None)


def _decode_row(row: bytes) -> NativeSession:
    wire = decode(row, SigningSession)
    return NativeSession(wire.id, wire, row)


async def or_none(fetch: Awaitable[T]) -> T | None:
    """The result of a fetch, or None for ``NotFound``."""
    try:
        return await fetch
    except NotFound:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Filters and order of a list: sorted by ``createdAt`` or ``dueDate``, each prefixed by ``+`` or ``-``.

    Times are cut to the second; ``title`` matches a substring, regardless of case.
    """

    sort: tuple[str, ...] = ("-createdAt",)
    states: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    due_from: datetime | None = None
    due_to: datetime | None = None
    title: str | None = None

    @property
    def query(self) -> dict[str, str | Sequence[str]]:
        """The search as query parameters."""
        bounds = {
            "createdDateFrom": self.created_from,
            "createdDateTo": self.created_to,
            "dueDateFrom": self.due_from,
            "dueDateTo": self.due_to,
        }
        times = {name: instant_text(at) for name, at in bounds.items() if at}
        words: dict[str, str | Sequence[str] | None] = {
            "sort": self.sort,
            "state": self.states,
            "sessionTitleLike": self.title,
        }
        return {**{name: value for name, value in words.items() if value}, **times}


NEWEST_FIRST = Search()


class SignicatClient:
    """Calls to the Sign API v2 of one account. A ``fetch`` raises ``NotFound`` where a ``find`` returns None."""

    def __init__(self, http: HttpClient, settings: SignicatSettings) -> None:
        self._http = http
        self._settings = settings
        self._lists: ResponseMemo[Slice] = ResponseMemo()

    def fetch_session(self, key: str) -> Awaitable[Response]:
        """A native session, undecoded. Raises ``NotFound``."""
        return self._request("fetch_session", key)

    def decode_session(self, key: str, reply: Response) -> NativeSession:
        """Decodes an answer of ``fetch_session``."""
        wire = self._decode(SigningSession, "GET", self._settings.path("fetch_session", key=key), reply)
        return NativeSession(key, wire, reply.body)

    async def find_session(self, key: str) -> NativeSession:
        """A native session; one without ``wire`` where Signicat does not have it."""
        reply = await or_none(self.fetch_session(key))
        return NativeSession(key, None) if reply is None else self.decode_session(key, reply)

    def fetch_collection(self, key: str) -> Awaitable[Response]:
        """A document collection, undecoded. Raises ``NotFound``."""
        return self._request("fetch_collection", key)

    def decode_collection(self, key: str, reply: Response) -> Collection:
        """Decodes an answer of ``fetch_collection``."""
        return self._decode(Collection, "GET", self._settings.path("fetch_collection", key=key), reply)

    async def find_collection(self, key: str) -> Collection | None:
        """A document collection; None where Signicat does not have it."""
        reply = await or_none(self.fetch_collection(key))
        return None if reply is None else self.decode_collection(key, reply)

    async def fetch_metadata(self, key: str) -> Metadata:
        """Metadata of a document. Raises ``NotFound``."""
        reply = await self._request("fetch_metadata", key)
        return self._decode(Metadata, "GET", self._settings.path("fetch_metadata", key=key), reply)

    async def find_metadata(self, key: str) -> Metadata | None:
        """Metadata of a document; None where Signicat does not have it."""
        return await or_none(self.fetch_metadata(key))

    async def list_sessions(self, offset: int, limit: int, search: Search = NEWEST_FIRST) -> Slice:
        """A slice of at most 1,000 native sessions; Signicat lists no more than the first 100,000."""
        limit = min(limit, MOST_ROWS)
        reply = await self._request("list_sessions", query={**self.query(offset=offset, limit=limit), **search.query})
        return self._lists.get_or_make((offset, limit), reply.body, lambda: self._slice(offset, limit, reply))

    def _slice(self, offset: int, limit: int, reply: Response) -> Slice:
        try:
            page = reply.page(SigningSessions, "data")
        except MALFORMED as error:
            raise self._http.unreadable("GET", self._settings.path("list_sessions"), reply, error) from error
        rows, unreadable = decode_rows(map(bytes, page.data or ()), _decode_row)
        here, total = len(rows) + len(unreadable), parse_count(page.total)
        following = next_offset(offset, here, limit, total)
        return Slice(rows, total, None if following is None or following > MOST_OFFSET else following, tuple(unreadable))

    async def find_sessions(self, search: Search) -> AsyncIterator[NativeSession]:
        """All native sessions of a search, slice by slice."""
        offset: int | None = 0
        while offset is not None:
            listed = await self.list_sessions(offset, MOST_ROWS, search)
            for row in listed.rows:
                yield row
            offset = listed.following

    def download(self, key: str) -> AbstractAsyncContextManager[Content]:
        """Opens a document, a signature or a package: at Signicat all of them are documents."""
        return self._http.download(self._settings.path("download_document", key=key), query=self.query())

    async def upload(self, document: DocumentOrder) -> Metadata:
        """Uploads the bytes of a document; names are set by ``name_document``."""
        path = self._settings.path("upload_document")
        reply = await self._http.request(
            "POST",
            path,
            query=self.query(),
            body=document.open,
            headers={"content-type": document.media_type, "content-length": str(document.size_bytes)},
            # Signicat drops an upload that no session uses after 30 minutes, so a second one does no harm.
            repeatable=True,
        )
        return self._decode(Metadata, "POST", path, reply)

    async def name_document(self, key: str, names: Mapping[str, str]) -> None:
        """Sets ``filename``, ``title`` and ``description`` of a document; those not given stay as they are."""
        path = self._settings.path("update_metadata", key=key)
        await self._http.request("PATCH", path, query=self.query(), json=names, repeatable=True)

    async def create_collection(self, payload: Mapping[str, object]) -> tuple[Collection, bytes]:
        """Creates a document collection; returns it with its JSON."""
        collection, reply = await self._post(Collection, "create_collection", payload)
        return collection, reply.body

    async def create_sessions(self, payloads: Sequence[Mapping[str, object]]) -> Sequence[NativeSession]:
        """Creates native sessions, all or none; the answer may have them in another order."""
        rows, reply = await self._post(list[msgspec.Raw], "create_sessions", payloads)
        path = self._settings.path("create_sessions")
        replies = [Response(reply.status_code, reply.headers, bytes(row)) for row in rows]
        wires = [self._decode(SigningSession, "POST", path, row) for row in replies]
        return [NativeSession(wire.id, wire, row.body) for wire, row in zip(wires, replies, strict=True)]

    async def delete(self, kind: str, key: str) -> bool:
        """Deletes a ``document``, ``document_collection`` or ``signing_session``; False where there was none."""
        try:
            await self._http.request("DELETE", self._settings.path(_DELETED_BY[kind], key=key), query=self.query())
        except NotFound:
            return False
        return True

    def query(self, **query: str | int) -> dict[str, str | int | Sequence[str]]:
        """QueryParams parameters of a call, with the account where the settings name one."""
        account = self._settings.account_id
        return {**query, "signicat-accountId": account} if account else {**query}

    def _request(self, name: str, key: str | None = None, query: QueryParams | None = None) -> Awaitable[Response]:
        path = self._settings.path(name) if key is None else self._settings.path(name, key=key)
        return self._http.request("GET", path, query=query or self.query())

    async def _post(self, into: type[T], name: str, payload: object) -> tuple[T, Response]:
        path = self._settings.path(name)
        reply = await self._http.request("POST", path, query=self.query(), json=payload)
        return self._decode(into, "POST", path, reply), reply

    def _decode(self, into: type[T], method: str, path: str, reply: Response) -> T:
        try:
            return reply.json(into)
        except MALFORMED as error:
            raise self._http.unreadable(method, path, reply, error) from error
