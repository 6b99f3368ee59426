"""Reads operations out of HTTP requests: as JSON, in an address, or as a form that carries files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Http
from starlette.types import Receive, Scope
from strawberry.file_uploads.utils import replace_placeholders_with_files

from schema.operations import Request

PREFLIGHT: Final = (
    b"graphql-require-preflight",
    b"apollo-require-preflight",
    b"x-apollo-operation-name",
    b"graphql-preflight",
)
"""Headers that no page of another site can send without being asked first, unlike a form."""
_SHAPE: Final = "The request is not of the shape that GraphQL over HTTP asks for."


class _Body(msgspec.Struct, rename="camel"):
    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


_bodies: Final = msgspec.json.Decoder(_Body)
_variables: Final = msgspec.json.Decoder(dict[str, Any] | None)


class Unreadable(Exception):
    """A request that is none: the status that says so, and why."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads requests whose body has at most ``most`` bytes; of a form, that is without its files."""

    most: int

    async def read(self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]) -> Request:
        """The operation that is asked for. Raises ``Unreadable``."""
        resume_after = headers.get(b"last-event-id")
        after = None if resume_after is None else resume_after.decode("latin-1")
        if scope["method"] == "GET":
            return _of_address(scope, after)
        if scope["method"] != "POST":
            raise Unreadable(405, "Ask by GET or POST.", {"allow": "GET, POST"})
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if b"content-encoding" in headers:
            raise Unreadable(415, "Send the body as it is, without any content-encoding.")
        if kind == b"application/json":
            return _request(_decoded(await self._body(receive, headers)), after)
        if kind == b"multipart/form-data":
            return await _of_form(scope, receive, headers)
        raise Unreadable(415, "Send application/json, or multipart/form-data where there are files.")

    async def _body(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        told = headers.get(b"content-length", b"0")
        if told.isdigit() and int(told) > self.most:
            raise self._too_large()
        message = await receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self.most:
                raise self._too_large()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if len(body) > self.most:
            raise self._too_large()
        return body

    def _too_large(self) -> Unreadable:
        return Unreadable(413, f"A request has at most {self.most:,} bytes here. Send files by PUT /uploads.")


def _of_address(scope: Scope, after: str | None) -> Request:
    given = Http(scope).query_params
    if not given.get("query"):
        raise Unreadable(400, "There is no query in the address.")
    try:
        variables = _variables.decode(given["variables"]) if given.get("variables") else None
    except (msgspec.DecodeError, RecursionError):
        raise Unreadable(400, "The variables in the address are no JSON object.") from None
    return Request(given["query"], variables, given.get("operationName") or None, after)


async def _of_form(scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]) -> Request:
    """https://github.com/jaydenseric/graphql-multipart-request-spec"""
    if not any(name in headers for name in PREFLIGHT):
        raise Unreadable(400, f"A multipart request needs the header {PREFLIGHT[0].decode()}: 1.")
    try:
        form = await Http(scope, receive).form()
    except (HTTPException, MultiPartException, KeyError, ValueError):
        raise Unreadable(400, _SHAPE) from None
    try:
        operations = msgspec.json.decode(str(form.get("operations", "{}")), type=dict[str, Any])
        places = msgspec.json.decode(str(form.get("map", "{}")), type=dict[str, list[str]])
        filled = replace_placeholders_with_files(operations, places, form)
        variables = msgspec.convert(filled.pop("variables", None), type=dict[str, Any] | None)
        body = msgspec.convert(filled, type=_Body)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        await form.close()
        raise Unreadable(400, _SHAPE) from None
    return Request(body.query, variables, body.operation_name, form=form)


def _decoded(content: bytes) -> _Body:
    try:
        return _bodies.decode(content)
    except (ValueError, RecursionError):
        raise Unreadable(400, _SHAPE) from None


def _request(body: _Body, after: str | None) -> Request:
    return Request(body.query, body.variables, body.operation_name, after)
