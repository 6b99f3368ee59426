"""Request reader: the GraphQL parameters of an HTTP request, from a JSON body, a query string, or a form with files.

https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Http
from starlette.types import Receive, Scope

from gateway.auth.viewer import NOBODY, Viewer
from providers.lru import LruCache
from schema.transport.multipart import (
    FormBounds,
    FormDeclined,
    FormParser,
    FormTooLarge,
    InvalidForm,
    many_brackets,
    place_files,
)

if TYPE_CHECKING:
    from schema.execution import CoercedOperation

PREFLIGHT: Final = (
    b"graphql-require-preflight",
    b"apollo-require-preflight",
    b"x-apollo-operation-name",
    b"graphql-preflight",
)
"""CSRF: headers that a page of another site can send only after a preflight, unlike a form."""
_CONTAINERS: Final = (dict, list)
_MAX_DEPTH: Final = 32
_LONG_BODY: Final = 2**16
"""Bytes of a body whose brackets are counted before it is decoded."""
_MAX_CACHED_BODY: Final = 2_048
"""Bytes of a body whose parameters are cached."""
_MAX_CACHED: Final = 1_000
_FORM: Final = FormBounds(fields=2**20, files=100, file=2**28, form=2**29)
_MALFORMED: Final = "The request is not of the shape that GraphQL over HTTP asks for."


class _PersistedQuery(msgspec.Struct):
    sha256_hash: str = msgspec.field(name="sha256Hash", default="")


class Extensions(msgspec.Struct, rename="camel"):
    """The part of ``extensions`` that is read: the persisted query by which Apollo's clients name a document."""

    persisted_query: _PersistedQuery | None = None


class Body(msgspec.Struct, rename="camel"):
    """The JSON body of a request."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: Extensions | None = None
    document_id: str | None = None

    def params(self) -> RequestParams:
        """The parameters. Raises ``HttpError`` for a body with neither a document nor the name of one."""
        persisted = self.extensions.persisted_query if self.extensions else None
        named = self.document_id or (persisted.sha256_hash if persisted else None)
        if not self.query and not named:
            raise HttpError(400, "There is no query in the request.")
        if self.variables and any(type(each) in _CONTAINERS for each in self.variables.values()):
            _require_shallow(self.variables)
        return RequestParams(self.query or "", self.variables, self.operation_name, named or None)


@dataclass(slots=True, eq=False)
class RequestParams:
    """GraphQL request parameters, the same object for equal requests; ``document_id`` names a trusted document.

    ``coerced`` is the operation with its variables, once one request has coerced them.
    """

    query: str
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None
    document_id: str | None = None
    coerced: CoercedOperation | None = None

    @property
    def is_immutable(self) -> bool:
        """Whether no variable is a list or an object, which a resolver could change."""
        return not self.variables or not any(type(each) in _CONTAINERS for each in self.variables.values())


@dataclass(slots=True, eq=False)
class Request:
    """A request of one viewer. ``resume_after`` is the cursor of the last event that its client has received.

    ``form`` holds its files, and is closed with it. ``viewer`` may return another object over time, as credentials are
    renewed on an open connection.
    """

    params: RequestParams
    resume_after: str | None = None
    form: FormData | None = None
    viewer: Callable[[], Viewer] = lambda: NOBODY
    size: int = 0
    """Bytes of the request without its files."""

    def release_params(self) -> None:
        """Drops the parameters, once they are coerced: a subscription would keep them for as long as it lasts."""
        self.params = _NO_PARAMS


_NO_PARAMS: Final = RequestParams("")
_QUERY_STRING_NAMES: Final = ("query", "variables", "operationName", "extensions", "documentId")
_body_decoder: Final = msgspec.json.Decoder(Body)
_variables_decoder: Final = msgspec.json.Decoder(dict[str, Any] | None)
_extensions_decoder: Final = msgspec.json.Decoder(Extensions | None)


class HttpError(Exception):
    """A request that is answered with an HTTP status and a reason, because it is no well-formed GraphQL request."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


async def _declines_none(params: RequestParams) -> bool:
    return False


class RequestReader:
    """Reads requests whose body has at most ``max_bytes``; ``form`` has the bounds of forms.

    Clients that poll send the same bytes every few seconds: the parameters of short bodies are kept in an LRU cache.
    """

    def __init__(self, max_bytes: int, form: FormBounds = _FORM) -> None:
        self._max_bytes = max_bytes
        self._form = form
        self._cached: LruCache[bytes, RequestParams] = LruCache(_MAX_CACHED)

    async def read(
        self,
        scope: Scope,
        receive: Receive,
        headers: Mapping[bytes, bytes],
        viewer: Callable[[], Viewer],
        declines: Callable[[RequestParams], Awaitable[bool]] = _declines_none,
    ) -> Request:
        """Reads one request. Raises ``HttpError``.

        ``declines`` is asked about the operation of a form before its files are read: one that is refused whatever comes with
        it is returned without them, to be answered with its errors.
        """
        form, size = None, len(scope["query_string"])
        if scope["method"] == "GET":
            params = _from_query_string(scope).params()
        elif scope["method"] != "POST":
            raise HttpError(405, "Ask by GET or POST.", {"allow": "GET, POST"})
        else:
            kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            if b"content-encoding" in headers:
                raise HttpError(415, "Send the body as it is, without any content-encoding.")
            if kind == b"application/json":
                content = await self._body(receive, headers)
                params, size = self._params(content), len(content)
            elif kind == b"multipart/form-data":
                params, form = await _from_form(scope, receive, headers, self._form, declines)
            else:
                raise HttpError(415, "Send application/json, or multipart/form-data where there are files.")
        return Request(params, header_text(headers.get(b"last-event-id")), form, viewer, size)

    def _params(self, content: bytes) -> RequestParams:
        cached = self._cached.get(content)
        if cached is not None:
            return cached
        if len(content) > _LONG_BODY and many_brackets(content):
            raise HttpError(413, "This request opens more lists and objects than any operation has. Send less at a time.")
        params = _decode(content).params()
        if len(content) <= _MAX_CACHED_BODY and params.is_immutable:
            self._cached.put(content, params)
        return params

    async def _body(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise self._too_large()
        message = await receive()
        body: bytes | bytearray = message.get("body", b"")
        if message.get("more_body"):
            body = bytearray(body)
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                raise self._too_large()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if len(body) > self._max_bytes:
            raise self._too_large()
        return bytes(body)

    def _too_large(self) -> HttpError:
        return HttpError(413, f"A request has at most {self._max_bytes:,} bytes here. Send files by PUT /uploads.")


def header_text(header: bytes | None) -> str | None:
    """The value of a header as text: every byte is a character of Latin-1."""
    return None if header is None else header.decode("latin-1")


def _require_shallow(variables: object) -> None:
    """Raises ``HttpError`` for variables that nest deeper than any input type, level by level without recursion."""
    level: list[object] = [variables]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if type(inner) in _CONTAINERS
        ]
        if not level:
            return
    raise HttpError(400, f"The variables nest more than {_MAX_DEPTH} levels deep.")


def _from_query_string(scope: Scope) -> Body:
    query = Http(scope).query_params
    for name in _QUERY_STRING_NAMES:
        if len(query.getlist(name)) > 1:
            raise HttpError(400, f"The address has {name} twice: which one is meant is nobody's to choose.")
    try:
        variables = _variables_decoder.decode(query["variables"]) if query.get("variables") else None
        extensions = _extensions_decoder.decode(query["extensions"]) if query.get("extensions") else None
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise HttpError(400, "The variables, or the extensions, in the address are no JSON object.") from None
    return Body(query.get("query"), variables, query.get("operationName") or None, extensions, query.get("documentId"))


async def _from_form(
    scope: Scope,
    receive: Receive,
    headers: Mapping[bytes, bytes],
    bounds: FormBounds,
    declines: Callable[[RequestParams], Awaitable[bool]],
) -> tuple[RequestParams, FormData | None]:
    """https://github.com/jaydenseric/graphql-multipart-request-spec"""
    if not any(name in headers for name in PREFLIGHT):
        raise HttpError(400, f"A multipart request needs the header {PREFLIGHT[0].decode()}: 1.")
    http = Http(scope, receive)
    try:
        parser = FormParser(http.headers, http.stream(), bounds, lambda operations: declines(_without_variables(operations)))
        form = await parser.parse()
    except FormDeclined as declined:
        return _without_variables(declined.operations), None
    except FormTooLarge as error:
        raise HttpError(413, error.message) from None
    except InvalidForm as error:
        raise HttpError(400, f"{_MALFORMED} {error}") from None
    except (HTTPException, MultiPartException, KeyError, ValueError):
        raise HttpError(400, _MALFORMED) from None
    try:
        operations = place_files(form, parser.operations)
        variables = msgspec.convert(operations.pop("variables", None), type=dict[str, Any] | None)
        body = msgspec.convert(operations, type=Body)
        body.variables = variables
        return body.params(), form
    except BaseException as error:
        await form.close()
        if isinstance(error, FormTooLarge):
            raise HttpError(413, error.message) from None
        if isinstance(error, InvalidForm):
            raise HttpError(400, f"{_MALFORMED} {error}") from None
        if isinstance(error, ValueError | RecursionError):
            raise HttpError(400, _MALFORMED) from None
        raise


def _without_variables(operations: Mapping[str, Any]) -> RequestParams:
    """The parameters of a form's operation but for its variables, whose files have not arrived."""
    return msgspec.convert({**operations, "variables": None}, type=Body).params()


def _decode(content: bytes) -> Body:
    try:
        return _body_decoder.decode(content)
    except (ValueError, RecursionError):
        raise HttpError(400, _MALFORMED) from None
