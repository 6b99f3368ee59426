"""Signicat's operations, one method each, from its paths and JSON to its wire models."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from pydantic import SecretStr

from providers.authorization import Token
from providers.errors import AuthorizationRequired, Misbehaved, NotFound, SigningError
from providers.http import Http
from providers.order import DocumentOrder
from providers.reply import Fault, Reply
from providers.signicat.part import Part
from providers.signicat.wire import (
    AccessToken,
    Collection,
    Metadata,
    Problem,
    SignicatSettings,
    SigningSession,
    SigningSessions,
)

T = TypeVar("T")

_DELETED_BY = {"document": "delete_document", "document_collection": "delete_collection", "signing_session": "delete_session"}


def fault_of(reply: Reply) -> Fault:
    """What an error says: problem+json, OAuth's shape or that of an older product; ``{}`` says nothing."""
    try:
        problem = reply.json(Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Fault()
    code = problem.code or problem.error
    words = problem.detail or problem.error_description or problem.title or problem.message
    hints = [f"{item.name} ({item.reason})" if item.reason else item.name for item in problem.invalid_params or () if item.name]
    if code == "missing_permission":
        hints.append("give this API client the permission Signature API in Signicat's dashboard")
    return Fault(code, ": ".join(filter(None, [words, ", ".join(hints)])) or None)


async def fetch_token(http: Http, settings: SignicatSettings) -> Token:
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
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
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
    return Token(SecretStr(token.access_token), token.expires_in)


class SignApi:
    """Calls to the Sign API v2 of one account; whatever is found missing by a ``find`` is None."""

    def __init__(self, http: Http, settings: SignicatSettings) -> None:
        self._http = http
        self._settings = settings

    async def fetch_session(self, key: str) -> Part:
        """A native session. Raises ``NotFound``."""
        wire, reply = await self._get(SigningSession, "fetch_session", key)
        return Part(key, wire, reply.body)

    async def find_session(self, key: str) -> Part:
        """A native session, or one without a payload where there is none."""
        try:
            return await self.fetch_session(key)
        except NotFound:
            return Part(key, None)

    async def find_collection(self, key: str) -> tuple[Collection, bytes] | None:
        """A document collection, and the same as it was sent."""
        try:
            collection, reply = await self._get(Collection, "fetch_collection", key)
        except NotFound:
            return None
        return collection, reply.body

    async def find_metadata(self, key: str) -> Metadata | None:
        """What is known of a document."""
        try:
            return (await self._get(Metadata, "fetch_metadata", key))[0]
        except NotFound:
            return None

    async def list_sessions(self, offset: int, limit: int) -> tuple[Sequence[Part], int | None]:
        """Native sessions, newest first, and how many there are in all."""
        query = self.query(offset=offset, limit=limit, sort="-createdAt")
        page, reply = await self._get(SigningSessions, "list_sessions", query=query)
        return [self._part(row, "GET", "list_sessions", reply) for row in page.data or ()], page.total

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

    async def name_document(self, key: str, document: DocumentOrder) -> None:
        """Says what an uploaded document is called."""
        names = {"filename": document.filename, "title": document.title, "description": document.description}
        await self._http.request(
            "PATCH",
            self._settings.path("update_metadata", key=key),
            query=self.query(),
            json={name: value for name, value in names.items() if value},
            repeatable=True,
        )

    async def create_collection(self, payload: Mapping[str, object]) -> tuple[Collection, bytes]:
        """Makes a document collection."""
        collection, reply = await self._post(Collection, "create_collection", payload)
        return collection, reply.body

    async def create_sessions(self, payloads: Sequence[Mapping[str, object]]) -> Sequence[Part]:
        """Opens native sessions, all or none; they come back in any order."""
        rows, reply = await self._post(list[msgspec.Raw], "create_sessions", payloads)
        return [self._part(row, "POST", "create_sessions", reply) for row in rows]

    async def delete(self, kind: str, key: str) -> bool:
        """Deletes a ``document``, ``document_collection`` or ``signing_session``; says whether there was one."""
        try:
            await self._http.request("DELETE", self._settings.path(_DELETED_BY[kind], key=key), query=self.query())
        except NotFound:
            return False
        return True

    def query(self, **query: str | int) -> dict[str, str | int]:
        """The query of a call, with the account that it is for where the settings name one."""
        account = self._settings.account_id
        return query | ({"signicat-accountId": account} if account else {})

    async def _get(
        self, into: type[T], name: str, key: str | None = None, query: Mapping[str, str | int] | None = None
    ) -> tuple[T, Reply]:
        path = self._settings.path(name) if key is None else self._settings.path(name, key=key)
        reply = await self._http.request("GET", path, query=query or self.query())
        return self._read(into, "GET", path, reply), reply

    async def _post(self, into: type[T], name: str, payload: object) -> tuple[T, Reply]:
        path = self._settings.path(name)
        reply = await self._http.request("POST", path, query=self.query(), json=payload)
        return self._read(into, "POST", path, reply), reply

    def _part(self, raw: msgspec.Raw, method: str, name: str, reply: Reply) -> Part:
        wire = self._read(SigningSession, method, self._settings.path(name), replace(reply, body=bytes(raw)))
        return Part(wire.id, wire, bytes(raw))

    def _read(self, into: type[T], method: str, path: str, reply: Reply) -> T:
        try:
            return reply.json(into)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._http.unreadable(method, path, reply, error) from error
