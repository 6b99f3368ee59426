"""Signicat's operations, one method each, from its paths and JSON to its wire models."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec
from pydantic import SecretStr

from providers.decoding.coercion import parse_count, parse_seconds
from providers.decoding.json import MALFORMED, decode, decode_rows
from providers.errors import AuthorizationRequired, Misbehaved, NotFound, SigningError
from providers.http.client import HttpClient
from providers.http.credentials import Token
from providers.http.message.request import QueryParams
from providers.http.message.response import ErrorDetail, Response
from providers.http.response_memo import ResponseMemo
from providers.model import Content, UnreadableRow, next_offset
from providers.orders import DocumentOrder
from providers.signicat.composition.native_session import Part
from providers.signicat.wire import (
    MOST_OFFSET,
    MOST_ROWS,
    AccessToken,
    Collection,
    Metadata,
    Problem,
    SignicatSettings,
    SigningSession,
    SigningSessions,
    instant_text,
)

T = TypeVar("T")


class Slice(NamedTuple):
    """A slice of the native sessions, how many there are in all, and where the following slice begins."""

    rows: Sequence[Part]
    total: int | None
    following: int | None
    unreadable: tuple[UnreadableRow, ...] = ()


DOCUMENT, COLLECTION, SESSION = "document", "document_collection", "signing_session"
_DELETED_BY = {DOCUMENT: "delete_document", COLLECTION: "delete_collection", SESSION: "delete_session"}


def fault_of(reply: Response) -> ErrorDetail:
    """What an error says: problem+json, OAuth's shape or that of an older product; ``{}`` says nothing."""
    try:
        problem = reply.json(Problem)
    except MALFORMED:
        return ErrorDetail()
    code = problem.code or problem.error
    words = problem.detail or problem.error_description or problem.title or problem.message
    params = [
        f"{item.name} ({item.reason})" if item.reason else item.name for item in problem.invalid_params or () if item.name
    ]
    hint = "give this API client the permission Signature API in Signicat's dashboard" if code == "missing_permission" else None
    return ErrorDetail(code, ": ".join(filter(None, [words, ", ".join(params)])) or None, hint)


async def fetch_token(http: HttpClient, settings: SignicatSettings) -> Token:
    """A token for our client credentials.

    Raises ``AuthorizationRequired`` for every refusal, whatever its status: a token that is not to be had must
    never look like a session that is not there.
    """
    pair = f"{settings.client_id}:{settings.client_secret.get_secret_value()}"
    proof = f"Basic {base64.b64encode(pair.encode()).decode()}"
    try:
        reply = await http.request(
            "POST",
            "",
            body=urlencode({"grant_type": "client_credentials", "scope": "signicat-api"}).encode(),
            headers={"content-type": "application/x-www-form-urlencoded", "authorization": proof},
            repeatable=True,
            base_url=settings.token_url,
            authorized=False,
        )
        token = reply.json(AccessToken)
    except MALFORMED as error:
        what = f"{settings.name} answered with something that is no token: check token_url."
        raise Misbehaved(what, provider=settings.name) from error
    except SigningError as error:
        if error.retryable or isinstance(error, Misbehaved):
            raise
        raise AuthorizationRequired(
            f"{settings.name} gave no token: check client_id and client_secret (or token_url).",
            provider=settings.name,
            provider_code=error.provider_code,
            status=error.status,
        ) from error
    return Token(SecretStr(token.access_token), parse_seconds(token.expires_in) or None)


def _listed(row: bytes) -> Part:
    wire = decode(row, SigningSession)
    return Part(wire.id, wire, row)


async def found(read: Awaitable[T]) -> T | None:
    """What is read, None where there is no such thing."""
    try:
        return await read
    except NotFound:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which native sessions are listed, and how sorted: by ``createdAt`` or ``dueDate``, with ``+`` or ``-`` before it.

    Times are cut to the second; ``title`` is a part of it in any case.
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
        """In Signicat's words."""
        between = {
            "createdDateFrom": self.created_from,
            "createdDateTo": self.created_to,
            "dueDateFrom": self.due_from,
            "dueDateTo": self.due_to,
        }
        times = {name: instant_text(at) for name, at in between.items() if at}
        words: dict[str, str | Sequence[str] | None] = {
            "sort": self.sort,
            "state": self.states,
            "sessionTitleLike": self.title,
        }
        return {**{name: value for name, value in words.items() if value}, **times}


NEWEST_FIRST = Search()


class SignApi:
    """Calls to the Sign API v2 of one account; whatever is found missing by a ``find`` is None."""

    def __init__(self, http: HttpClient, settings: SignicatSettings) -> None:
        self._http = http
        self._settings = settings
        self._lists: ResponseMemo[Slice] = ResponseMemo()

    async def payload(self, key: str) -> Response:
        """A native session as it is sent. Raises ``NotFound``."""
        return await self._request("fetch_session", key)

    def part(self, key: str, payload: Response) -> Part:
        """The native session that was sent."""
        return Part(
            key, self._read(SigningSession, "GET", self._settings.path("fetch_session", key=key), payload), payload.body
        )

    async def find_session(self, key: str) -> Part:
        """A native session, or one without a payload where there is none."""
        payload = await found(self.payload(key))
        return Part(key, None) if payload is None else self.part(key, payload)

    async def collection_payload(self, key: str) -> Response:
        """A document collection as it is sent. Raises ``NotFound``."""
        return await self._request("fetch_collection", key)

    def collection(self, key: str, payload: Response) -> Collection:
        """The document collection that was sent."""
        return self._read(Collection, "GET", self._settings.path("fetch_collection", key=key), payload)

    async def find_collection(self, key: str) -> Collection | None:
        """A document collection."""
        payload = await found(self.collection_payload(key))
        return None if payload is None else self.collection(key, payload)

    async def fetch_metadata(self, key: str) -> Metadata:
        """What is known of a document. Raises ``NotFound``."""
        return (await self._get(Metadata, "fetch_metadata", key))[0]

    async def find_metadata(self, key: str) -> Metadata | None:
        """What is known of a document."""
        return await found(self.fetch_metadata(key))

    async def list_sessions(self, offset: int, limit: int, search: Search = NEWEST_FIRST) -> Slice:
        """At most 1,000 native sessions; those beyond the first 100,000 are out of reach."""
        limit = min(limit, MOST_ROWS)
        reply = await self._request("list_sessions", query={**self.query(offset=offset, limit=limit), **search.query})
        return self._lists.get_or_make((offset, limit), reply.body, lambda: self._slice(offset, limit, reply))

    def _slice(self, offset: int, limit: int, reply: Response) -> Slice:
        try:
            page = reply.page(SigningSessions, "data")
        except MALFORMED as error:
            raise self._http.unreadable("GET", self._settings.path("list_sessions"), reply, error) from error
        rows, unreadable = decode_rows(map(bytes, page.data or ()), _listed)
        here, total = len(rows) + len(unreadable), parse_count(page.total)
        following = next_offset(offset, here, limit, total)
        return Slice(rows, total, None if following is None or following > MOST_OFFSET else following, tuple(unreadable))

    async def find_sessions(self, search: Search) -> AsyncIterator[Part]:
        """All native sessions that a search finds."""
        offset: int | None = 0
        while offset is not None:
            found = await self.list_sessions(offset, MOST_ROWS, search)
            for row in found.rows:
                yield row
            offset = found.following

    def download(self, key: str) -> AbstractAsyncContextManager[Content]:
        """Opens a document, a signature or a package: Signicat keeps all of them as documents."""
        return self._http.download(self._settings.path("download_document", key=key), query=self.query())

    async def upload(self, document: DocumentOrder) -> Metadata:
        """Uploads the bytes of a document; its names have to follow (see ``name_document``)."""
        path = self._settings.path("upload_document")
        reply = await self._http.request(
            "POST",
            path,
            query=self.query(),
            body=document.open,
            headers={"content-type": document.media_type, "content-length": str(document.size_bytes)},
            # One that lands twice and is used once disappears by itself after 30 minutes.
            repeatable=True,
        )
        return self._read(Metadata, "POST", path, reply)

    async def name_document(self, key: str, names: Mapping[str, str]) -> None:
        """Says what a document is called: its ``filename``, ``title`` and ``description``; others stay as they are."""
        path = self._settings.path("update_metadata", key=key)
        await self._http.request("PATCH", path, query=self.query(), json=names, repeatable=True)

    async def create_collection(self, payload: Mapping[str, object]) -> tuple[Collection, bytes]:
        """Makes a document collection."""
        collection, reply = await self._post(Collection, "create_collection", payload)
        return collection, reply.body

    async def create_sessions(self, payloads: Sequence[Mapping[str, object]]) -> Sequence[Part]:
        """Opens native sessions, all or none; they come back in any order."""
        rows, reply = await self._post(list[msgspec.Raw], "create_sessions", payloads)
        return self._parts(rows, "POST", "create_sessions", reply)

    async def delete(self, kind: str, key: str) -> bool:
        """Deletes a ``document``, ``document_collection`` or ``signing_session``; says whether there was one."""
        try:
            await self._http.request("DELETE", self._settings.path(_DELETED_BY[kind], key=key), query=self.query())
        except NotFound:
            return False
        return True

    def query(self, **query: str | int) -> dict[str, str | int | Sequence[str]]:
        """The query of a call, with the account that it is for where the settings name one."""
        account = self._settings.account_id
        return {**query, "signicat-accountId": account} if account else {**query}

    async def _get(
        self, into: type[T], name: str, key: str | None = None, query: QueryParams | None = None
    ) -> tuple[T, Response]:
        reply = await self._request(name, key, query)
        path = self._settings.path(name) if key is None else self._settings.path(name, key=key)
        return self._read(into, "GET", path, reply), reply

    def _request(self, name: str, key: str | None = None, query: QueryParams | None = None) -> Awaitable[Response]:
        path = self._settings.path(name) if key is None else self._settings.path(name, key=key)
        return self._http.request("GET", path, query=query or self.query())

    async def _post(self, into: type[T], name: str, payload: object) -> tuple[T, Response]:
        path = self._settings.path(name)
        reply = await self._http.request("POST", path, query=self.query(), json=payload)
        return self._read(into, "POST", path, reply), reply

    def _parts(self, rows: Iterable[msgspec.Raw], method: str, name: str, reply: Response) -> list[Part]:
        path = self._settings.path(name)
        found = [Response(reply.status, reply.headers, bytes(row)) for row in rows]
        wires = [self._read(SigningSession, method, path, row) for row in found]
        return [Part(wire.id, wire, row.body) for wire, row in zip(wires, found, strict=True)]

    def _read(self, into: type[T], method: str, path: str, reply: Response) -> T:
        try:
            return reply.json(into)
        except MALFORMED as error:
            raise self._http.unreadable(method, path, reply, error) from error
