"""Reads operations out of HTTP requests: as JSON, in an address, or as a form that carries files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from schema.transport.multipart import FormBounds, FormDeclined, FormParser, FormTooLarge, Unfitting, many_brackets, placed

if TYPE_CHECKING:
    from schema.execution import Bound

PREFLIGHT: Final = (
    b"graphql-require-preflight",
    b"apollo-require-preflight",
    b"x-apollo-operation-name",
    b"graphql-preflight",
)
"""Headers that no page of another site can send without being asked first, unlike a form."""
_NESTING: Final = (dict, list)
_DEEPEST: Final = 32
_LONG: Final = 2**16
"""Bytes of a body whose brackets are counted before it is read."""
_SHORT: Final = 2_048
"""Bytes of a body that is remembered at most."""
_REMEMBERED: Final = 1_000
_FORM: Final = FormBounds(fields=2**20, files=100, file=2**28, form=2**29)
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

    def question(self) -> Question:
        """What is asked. Raises ``Unreadable`` where that is nothing."""
        persisted = self.extensions.persisted_query if self.extensions else None
        named = self.document_id or (persisted.sha256_hash if persisted else None)
        if not self.query and not named:
            raise Unreadable(400, "There is no query in the request.")
        if self.variables and any(type(each) in _NESTING for each in self.variables.values()):
            _require_shallow(self.variables)
        return Question(self.query or "", self.variables, self.operation_name, named or None)


@dataclass(slots=True, eq=False)
class Question:
    """An operation and its variables, whoever asks. ``document`` names its text where that is known beforehand.

    Whoever works out what it comes to may leave that here as ``bound``, for those who ask the same.
    """

    query: str
    variables: Mapping[str, Any] | None = None
    operation: str | None = None
    document: str | None = None
    bound: Bound | None = None

    @property
    def plain(self) -> bool:
        """Whether no variable holds anything that could be changed."""
        return not self.variables or not any(type(each) in _NESTING for each in self.variables.values())


@dataclass(slots=True, eq=False)
class Request:
    """A question that somebody asks. ``resume_after`` is the cursor of the last event that they have seen.

    ``form`` holds the files that came with it, and is closed once it is done. ``who`` says who asks, at any time while it
    lasts.
    """

    question: Question
    resume_after: str | None = None
    form: FormData | None = None
    who: Callable[[], Viewer] = lambda: NOBODY
    size: int = 0
    """Bytes that it came in, but for its files."""

    def release(self) -> None:
        """Lets go of what was asked, once it is bound: whoever follows something would keep all of it for as long."""
        self.question = _NOTHING


_NOTHING: Final = Question("")
_IN_ADDRESS: Final = ("query", "variables", "operationName", "extensions", "documentId")
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


class Reader:
    """Reads requests whose body has at most ``most`` bytes; ``form`` says how large a form may be.

    Clients that follow something ask the same every few seconds, to the byte: short questions are remembered as they were
    read, those that were asked last.
    """

    def __init__(self, most: int, form: FormBounds = _FORM) -> None:
        self._most = most
        self._form = form
        self._remembered: LruCache[bytes, Question] = LruCache(_REMEMBERED)

    async def read(
        self,
        scope: Scope,
        receive: Receive,
        headers: Mapping[bytes, bytes],
        who: Callable[[], Viewer],
        declines: Callable[[Question], bool] = lambda _: False,
    ) -> Request:
        """The operation that somebody asks for. Raises ``Unreadable``.

        ``declines`` says of the operation of a form, before its variables are read, that nothing will come of it: it is
        given back without its files, for whoever answers it to say why.
        """
        form, size = None, len(scope["query_string"])
        if scope["method"] == "GET":
            question = _of_address(scope).question()
        elif scope["method"] != "POST":
            raise Unreadable(405, "Ask by GET or POST.", {"allow": "GET, POST"})
        else:
            kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            if b"content-encoding" in headers:
                raise Unreadable(415, "Send the body as it is, without any content-encoding.")
            if kind == b"application/json":
                content = await self._body(receive, headers)
                question, size = self._question(content), len(content)
            elif kind == b"multipart/form-data":
                question, form = await _of_form(scope, receive, headers, self._form, declines)
            else:
                raise Unreadable(415, "Send application/json, or multipart/form-data where there are files.")
        return Request(question, text(headers.get(b"last-event-id")), form, who, size)

    def _question(self, content: bytes) -> Question:
        found = self._remembered.get(content)
        if found is not None:
            return found
        if len(content) > _LONG and many_brackets(content):
            raise Unreadable(413, "This request opens more lists and objects than any operation has. Send less at a time.")
        question = _decoded(content).question()
        if len(content) <= _SHORT and question.plain:
            self._remembered.put(content, question)
        return question

    async def _body(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        told = headers.get(b"content-length", b"0")
        if told.isdigit() and int(told) > self._most:
            raise self._too_large()
        message = await receive()
        body = bytearray(message.get("body", b""))
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._most:
                raise self._too_large()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if len(body) > self._most:
            raise self._too_large()
        return bytes(body)

    def _too_large(self) -> Unreadable:
        return Unreadable(413, f"A request has at most {self._most:,} bytes here. Send files by PUT /uploads.")


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
    for name in _IN_ADDRESS:
        if len(given.getlist(name)) > 1:
            raise Unreadable(400, f"The address has {name} twice: which one is meant is nobody's to choose.")
    try:
        variables = _variables.decode(given["variables"]) if given.get("variables") else None
        extensions = _extensions.decode(given["extensions"]) if given.get("extensions") else None
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise Unreadable(400, "The variables, or the extensions, in the address are no JSON object.") from None
    return Body(given.get("query"), variables, given.get("operationName") or None, extensions, given.get("documentId"))


async def _of_form(
    scope: Scope,
    receive: Receive,
    headers: Mapping[bytes, bytes],
    bounds: FormBounds,
    declines: Callable[[Question], bool],
) -> tuple[Question, FormData | None]:
    """https://github.com/jaydenseric/graphql-multipart-request-spec"""
    if not any(name in headers for name in PREFLIGHT):
        raise Unreadable(400, f"A multipart request needs the header {PREFLIGHT[0].decode()}: 1.")
    http = Http(scope, receive)
    try:
        parser = FormParser(http.headers, http.stream(), bounds, lambda operations: declines(_without_variables(operations)))
        form = await parser.parse()
    except FormDeclined as declined:
        return _without_variables(declined.operations), None
    except FormTooLarge as error:
        raise Unreadable(413, error.message) from None
    except Unfitting as error:
        raise Unreadable(400, f"{_SHAPE} {error}") from None
    except (HTTPException, MultiPartException, KeyError, ValueError):
        raise Unreadable(400, _SHAPE) from None
    try:
        filled = placed(form, parser.operations)
        variables = msgspec.convert(filled.pop("variables", None), type=dict[str, Any] | None)
        body = msgspec.convert(filled, type=Body)
        body.variables = variables
        return body.question(), form
    except BaseException as error:
        await form.close()
        if isinstance(error, FormTooLarge):
            raise Unreadable(413, error.message) from None
        if isinstance(error, Unfitting):
            raise Unreadable(400, f"{_SHAPE} {error}") from None
        if isinstance(error, ValueError | RecursionError):
            raise Unreadable(400, _SHAPE) from None
        raise


def _without_variables(operations: Mapping[str, Any]) -> Question:
    """The operation of a form as far as it is known before its files are there."""
    return msgspec.convert({**operations, "variables": None}, type=Body).question()


def _decoded(content: bytes) -> Body:
    try:
        return _bodies.decode(content)
    except (ValueError, RecursionError):
        raise Unreadable(400, _SHAPE) from None
