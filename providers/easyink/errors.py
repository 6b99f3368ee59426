"""Errors: EasyInk's refusals as errors of the model, by their codes and else by their messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from providers.decoding.json import MALFORMED
from providers.easyink.wire import Wire
from providers.errors import (
    AuthorizationRequired,
    Busy,
    Conflict,
    InDoubt,
    Invalid,
    NotFound,
    Refused,
    SigningError,
    WrongState,
)
from providers.http.message.response import ErrorDetail, Response

AUTHORIZE_ADVICE = "let a person authorize the gateway, or set access_token"
"""Advice to an operator where a token is missing, expired or refused."""
# E-mail addresses and phone numbers. Matches at the beginning of a word only, so that no text is scanned twice.
_PERSONAL = re.compile(r"(?<![^\s'\"<>(),;])[^\s'\"<>(),;]+@[^\s'\"<>(),;]+|\b\d{10}\b")
# A missing child is a ValidationError like any invalid input, so that messages have to be read.
_BY_CODE: Mapping[str, type[SigningError]] = {"notfound": NotFound, "unauthorized": AuthorizationRequired}
_CLIENT_REFUSED = frozenset({"invalid_client", "unauthorized_client"})
_MISSING = "there is no such thing, or no longer: read the session again"


@dataclass(frozen=True, slots=True)
class _Meaning:
    """The class of an error, and a hint of ours in place of EasyInk's message, which may name people."""

    kind: type[SigningError]
    hint: str | None = None


_BY_PHRASE: Mapping[str, _Meaning] = {
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
"""Meanings by phrases of a message, which is lower-cased; the first one in it counts."""


class _InnerError(Wire, frozen=True):
    """One of several reasons."""

    code: str | None = None
    message: str | None = None


class _Error(Wire, frozen=True):
    """The reason of a failed call; ``inner_errors`` may be absent."""

    code: str | None = None
    message: str | None = None
    inner_errors: tuple[_InnerError, ...] | None = None


class _ErrorBody(Wire, frozen=True):
    """The body of a failed call, which may be empty; that of the identity host is a code."""

    error: _Error | str | None = None


def fault(reply: Response) -> ErrorDetail:
    """Decodes the body of a failed call: code and messages, without e-mail addresses and phone numbers."""
    try:
        error = reply.json(_ErrorBody).error
    except MALFORMED:
        return ErrorDetail()
    if error is None or isinstance(error, str):
        return ErrorDetail(error)
    messages = [error.message, *(inner.message for inner in error.inner_errors or ())]
    return ErrorDetail(error.code, _PERSONAL.sub("…", " ".join(words for words in messages if words)) or None)


class translated_refusals:  # noqa: N801 - a context manager that is called like a function
    """Context manager: raises the error that a refusal means, such as ``NotFound`` for a missing child."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, AuthorizationRequired):
            if error.status is not None:
                raise _as(
                    AuthorizationRequired, error, f"{error.message} Its token belongs to a person: {AUTHORIZE_ADVICE}."
                ) from error
        elif isinstance(error, Refused):
            meaning = _meaning(error.provider_code, error.detail)
            if meaning is not None:
                message = f"{error.message.removesuffix('.')}: {meaning.hint}." if meaning.hint else error.message
                raise _as(meaning.kind, error, message) from error


@contextmanager
def attributed_to(name: str) -> Iterator[None]:
    """Context manager: attributes a ``NotFound`` to the input of this name."""
    try:
        yield
    except NotFound as error:
        error.path = error.path or ("input", name)
        raise


def _meaning(code: str | None, detail: str | None) -> _Meaning | None:
    """The meaning of a refusal, by its code and else by its message; None where neither is known."""
    if (code or "").lower() in _BY_CODE:
        return _Meaning(_BY_CODE[(code or "").lower()])
    words = (detail or "").lower()
    return next((meaning for phrase, meaning in _BY_PHRASE.items() if phrase in words), None)


def _as(kind: type[SigningError], error: SigningError, message: str) -> SigningError:
    return kind(
        message,
        provider=error.provider,
        provider_code=error.provider_code,
        status=error.status,
        detail=error.detail,
        retry_after=error.retry_after,
    )


def not_a_draft(key: str) -> WrongState:
    """A session that can no longer be changed, as it was converted."""
    return WrongState(f"Session {key} is no draft any more and can no longer be changed.", path=("input", "session"))


def cancel_instead(key: str) -> WrongState:
    """A session that cannot be deleted, as it is no draft."""
    return WrongState(f"Session {key} is no draft any more: cancel it instead.", path=("input", "session"))


def no_access_token(provider: str) -> AuthorizationRequired:
    """Nobody has given a token."""
    return AuthorizationRequired(f"{provider} needs the token of a person: {AUTHORIZE_ADVICE}.", provider=provider)


def code_refused(provider: str, error: SigningError) -> SigningError:
    """The refusal of an authorization code. Its own message is left out, as it may quote the code."""
    kind: type[SigningError] = AuthorizationRequired
    path: tuple[str, ...] = ()
    if isinstance(error, InDoubt):
        what = f"{provider} did not answer, and the code may be used up: begin the authorization again."
    elif error.provider_code == "invalid_grant":
        kind, path = Invalid, ("code",)
        what = "This code is wrong, was used, or is too old, or it was given for another attempt: begin again."
    elif error.provider_code in _CLIENT_REFUSED or error.status == 401:
        what = f"{provider} does not know the gateway: check client_id and client_secret."
    else:
        what = f"{provider} gave no token: check client_id, redirect_uri and identity_url."
    return kind(what, path=path, provider=provider, provider_code=error.provider_code, status=error.status)
