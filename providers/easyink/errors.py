"""What EasyInk says when it says no, as our errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from providers.decoding.json import MALFORMED
from providers.easyink.token import REMEDY
from providers.easyink.wire import Wire
from providers.errors import AuthorizationRequired, Busy, Conflict, NotFound, Refused, SigningError, WrongState
from providers.http.message.response import ErrorDetail, Response

# E-mail addresses and phone numbers, wherever they are quoted. Looked for where a word begins, so that none is read twice.
_PERSONAL = re.compile(r"(?<![^\s'\"<>(),;])[^\s'\"<>(),;]+@[^\s'\"<>(),;]+|\b\d{10}\b")
# Codes say little: a child that is missing is a ValidationError like any other, so words have to be read.
_BY_CODE: Mapping[str, type[SigningError]] = {"notfound": NotFound, "unauthorized": AuthorizationRequired}
_MISSING = "there is no such thing, or no longer: read the session again"


@dataclass(frozen=True, slots=True)
class _Meaning:
    """An error's class, and a hint of our own in the place of their words, which may name people."""

    kind: type[SigningError]
    hint: str | None = None


_BY_WORDS: Mapping[str, _Meaning] = {
    "processing is in progress": _Meaning(Busy, "the document is still being processed: ask again in a moment"),
    "configuration is invalid": _Meaning(
        WrongState, "the draft is incomplete: check its documents, participants and fields, and start it then"
    ),
    "not available until": _Meaning(WrongState, "the document is made when everybody has signed: download it then"),
    "before starting": _Meaning(
        WrongState, "a session needs at least one document to be started: duplicate it, and add one to the copy"
    ),
    "is locked": _Meaning(WrongState, "the draft is locked, as it was converted to a session in the meantime: read it again"),
    "already voided": _Meaning(WrongState, "the session is canceled already"),
    "already exists": _Meaning(Conflict, "what is added is in the session already: read it again"),
    "must contain all participants": _Meaning(
        Conflict, "somebody was added in the meantime: read the session again, and order all of its participants"
    ),
    "not found": _Meaning(NotFound, _MISSING),
    "does not exist": _Meaning(NotFound, _MISSING),
    "disabled by the organization": _Meaning(
        Refused, "a policy of the organization at EasyInk forbids this: ask its administrator"
    ),
    "compilation failed": _Meaning(Refused, "EasyInk failed to compile this document"),
    "processing failed": _Meaning(Refused, "EasyInk failed to process this document: remove it, and add it again"),
}
"""The first phrase that their words hold tells what they mean: some hold several."""


class _InnerError(Wire, frozen=True):
    """One reason among several."""

    code: str | None = None
    message: str | None = None


class _Error(Wire, frozen=True):
    """Why a call failed; ``inner_errors`` may be absent."""

    code: str | None = None
    message: str | None = None
    inner_errors: tuple[_InnerError, ...] | None = None


class _ErrorBody(Wire, frozen=True):
    """The body of a failed call, where it has one; the identity host says a code and no more."""

    error: _Error | str | None = None


def fault(reply: Response) -> ErrorDetail:
    """What a failed call says. Some have no body, and inner errors may be absent; people are left out of the words."""
    try:
        error = reply.json(_ErrorBody).error
    except MALFORMED:
        return ErrorDetail()
    if error is None or isinstance(error, str):
        return ErrorDetail(error)
    said = [error.message, *(inner.message for inner in error.inner_errors or ())]
    return ErrorDetail(error.code, _PERSONAL.sub("…", " ".join(words for words in said if words)) or None)


class understood:  # noqa: N801 - it is used as a function is
    """Their refusals as our errors: a missing child, for one, comes as any other invalid input."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, AuthorizationRequired):
            if error.status is not None:
                raise _as(AuthorizationRequired, error, f"{error.message} Its token belongs to a person: {REMEDY}.") from error
        elif isinstance(error, Refused):
            meant = _meaning(error.provider_code, error.detail)
            if meant is not None:
                message = f"{error.message.removesuffix('.')}: {meant.hint}." if meant.hint else error.message
                raise _as(meant.kind, error, message) from error


@contextmanager
def about(name: str) -> Iterator[None]:
    """What EasyInk does not find is what this input names."""
    try:
        yield
    except NotFound as error:
        error.path = error.path or ("input", name)
        raise


def _meaning(code: str | None, detail: str | None) -> _Meaning | None:
    """The meaning of a refusal, by its code and else by its words; None where it is just a refusal."""
    if (code or "").lower() in _BY_CODE:
        return _Meaning(_BY_CODE[(code or "").lower()])
    words = (detail or "").lower()
    return next((meaning for phrase, meaning in _BY_WORDS.items() if phrase in words), None)


def _as(kind: type[SigningError], error: SigningError, message: str) -> SigningError:
    return kind(
        message,
        provider=error.provider,
        provider_code=error.provider_code,
        status=error.status,
        detail=error.detail,
        retry_after=error.retry_after,
    )
