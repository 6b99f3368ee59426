"""What EasyInk says when it says no, as our errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from providers.decoding import MALFORMED
from providers.easyink.token import REMEDY
from providers.easyink.wire import Wire
from providers.errors import AuthorizationRequired, Busy, Conflict, NotFound, Refused, SigningError, WrongState
from providers.reply import Fault, Reply

# E-mail addresses and phone numbers, wherever they are quoted. Looked for where a word begins, so that none is read twice.
_PERSONAL = re.compile(r"(?<![^\s'\"<>(),;])[^\s'\"<>(),;]+@[^\s'\"<>(),;]+|\b\d{10}\b")
# Codes say little: a child that is missing is a ValidationError like any other, so words have to be read.
_BY_CODE: Mapping[str, type[SigningError]] = {"notfound": NotFound, "unauthorized": AuthorizationRequired}
_BY_WORDS: tuple[tuple[str, type[SigningError]], ...] = (
    ("processing is in progress", Busy),
    ("configuration is invalid", WrongState),
    ("not available until", WrongState),
    ("before starting", WrongState),
    ("is locked", WrongState),
    ("already voided", WrongState),
    ("already exists", Conflict),
    ("must contain all participants", Conflict),
    ("not found", NotFound),
    ("does not exist", NotFound),
)


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


def fault(reply: Reply) -> Fault:
    """What a failed call says. Some have no body, and inner errors may be absent; people are left out of the words."""
    try:
        error = reply.json(_ErrorBody).error
    except MALFORMED:
        return Fault()
    if error is None or isinstance(error, str):
        return Fault(error)
    said = [error.message, *(inner.message for inner in error.inner_errors or ())]
    return Fault(error.code, _PERSONAL.sub("…", " ".join(words for words in said if words)) or None)


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
                raise _as(meant, error, error.message) from error


@contextmanager
def about(name: str) -> Iterator[None]:
    """What EasyInk does not find is what this input names."""
    try:
        yield
    except NotFound as error:
        error.path = error.path or ("input", name)
        raise


def _meaning(code: str | None, detail: str | None) -> type[SigningError] | None:
    """What a refusal means, by its code and else by its words; None where it is just a refusal."""
    if (code or "").lower() in _BY_CODE:
        return _BY_CODE[(code or "").lower()]
    words = (detail or "").lower()
    return next((kind for phrase, kind in _BY_WORDS if phrase in words), None)


def _as(kind: type[SigningError], error: SigningError, message: str) -> SigningError:
    return kind(
        message,
        provider=error.provider,
        provider_code=error.provider_code,
        status=error.status,
        detail=error.detail,
        retry_after=error.retry_after,
    )
