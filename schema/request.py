"""Reads operations out of HTTP requests: as JSON, in an address, or as a form that carries files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Http
from starlette.types import Receive, Scope
from strawberry.file_uploads.utils import replace_placeholders_with_files

from gateway.viewer import NOBODY, Viewer

PREFLIGHT: Final = (
    b"graphql-require-preflight",
    b"apollo-require-preflight",
    b"x-apollo-operation-name",
    b"graphql-preflight",
)
"""Headers that no page of another site can send without being asked first, unlike a form."""
_NESTING: Final = (dict, list)
_DEEPEST: Final = 32
_SHAPE: Final = "The request is not of the shape that GraphQL over HTTP asks for."


class _Persisted(msgspec.Struct):
    sha256_hash: str = msgspec.field(name="sha256Hash", default="")


class Extensions(msgspec.Struct, rename="camel"):
    """As much of a request's ``extensions`` as is looked at: how Apollo's clients name a document."""

    persisted_query: _Persisted | None = None


class Body(msgspec.Struct, rename="camel"):
    """An operation as clients write it."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: Extensions | None = None
    document_id: str | None = None

    def request(self, **more: Any) -> Request:
        """What is asked for. Raises ``Unreadable`` where that is nothing."""
        persisted = self.extensions.persisted_query if self.extensions else None
        named = self.document_id or (persisted.sha256_hash if persisted else None)
        if not self.query and not named:
            raise Unreadable(400, "There is no query in the request.")
        if self.variables and any(type(each) in _NESTING for each in self.variables.values()):
            _require_shallow(self.variables)
        return Request(self.query or "", self.variables, self.operation_name, document=named or None, **more)


@dataclass(frozen=True, slots=True)
class Request:
    """An operation that somebody asks for. ``resume_after`` is the cursor of the last event that they have seen.

    ``document`` names its text where that is known beforehand. ``form`` holds the files that came with it, and is closed
    once it is done. ``who`` says who asks, at any time while it lasts.
    """

    query: str
    variables: Mapping[str, Any] | None = None
    operation: str | None = None
    resume_after: str | None = None
    document: str | None = None
    form: FormData | None = None
    who: Callable[[], Viewer] = lambda: NOBODY


_bodies: Final = msgspec.json.Decoder(Body)
_variables: Final = msgspec.json.Decoder(dict[str, Any] | None)
_extensions: Final = msgspec.json.Decoder(Extensions | None)


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

    async def read(self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes], who: Callable[[], Viewer]) -> Request:
        """The operation that somebody asks for. Raises ``Unreadable``."""
        body, form = await self._asked(scope, receive, headers)
        try:
            return body.request(resume_after=text(headers.get(b"last-event-id")), form=form, who=who)
        except Unreadable:
            if form is not None:
                await form.close()
            raise

    async def _asked(self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]) -> tuple[Body, FormData | None]:
        if scope["method"] == "GET":
            return _of_address(scope), None
        if scope["method"] != "POST":
            raise Unreadable(405, "Ask by GET or POST.", {"allow": "GET, POST"})
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if b"content-encoding" in headers:
            raise Unreadable(415, "Send the body as it is, without any content-encoding.")
        if kind == b"application/json":
            return _decoded(await self._body(receive, headers)), None
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


def text(header: bytes | None) -> str | None:
    """A header as text, whatever is in it."""
    return None if header is None else header.decode("latin-1")


def _require_shallow(variables: object) -> None:
    """Raises ``Unreadable`` for values that nest too deeply to be anything that is asked for here."""
    level: list[object] = [variables]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if type(inner) in _NESTING
        ]
        if not level:
            return
    raise Unreadable(400, f"The variables nest more than {_DEEPEST} levels deep.")


def _of_address(scope: Scope) -> Body:
    given = Http(scope).query_params
    try:
        variables = _variables.decode(given["variables"]) if given.get("variables") else None
        extensions = _extensions.decode(given["extensions"]) if given.get("extensions") else None
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise Unreadable(400, "The variables, or the extensions, in the address are no JSON object.") from None
    return Body(given.get("query"), variables, given.get("operationName") or None, extensions, given.get("documentId"))


async def _of_form(scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]) -> tuple[Body, FormData]:
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
        body = msgspec.convert(filled, type=Body)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        await form.close()
        raise Unreadable(400, _SHAPE) from None
    body.variables = variables
    return body, form


def _decoded(content: bytes) -> Body:
    try:
        return _bodies.decode(content)
    except (ValueError, RecursionError):
        raise Unreadable(400, _SHAPE) from None
