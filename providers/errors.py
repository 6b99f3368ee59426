"""Everything that can go wrong on purpose.

    SigningError
    ├── Invalid                     the request is wrong; path names the input
    │   ├── TooLarge                more bytes or items than are taken
    │   │   └── TooMany             more at a time than one client is granted
    │   └── CursorExpired           the log no longer holds what follows this cursor
    ├── NotFound                    no such thing, or not for this viewer
    ├── WrongState                  not now: the session is too far, or not far enough
    │   └── Irreversible            people were invited or have acted: a compensation would take that from them
    ├── Conflict                    somebody else was faster, or the same key means something else
    ├── Unsupported                 this provider has no such operation
    ├── Forbidden                   the viewer lacks a scope
    └── ProviderError               the provider was asked
        ├── AuthorizationRequired   it does not accept our credentials (any more)
        ├── Refused                 it understood and said no
        ├── Busy                    it asks for patience
        ├── Unavailable             it did not answer, or not in time
        │   └── TimedOut            the deadline passed first
        ├── Misbehaved              it answered what cannot be read
        └── InDoubt                 a write was sent and no answer came: it may have happened

    ConfigurationError              outside the tree: nobody should handle it but whoever starts the process

A message is shown to clients: it says what happened and what to do, and holds no secret. The cause of an
error is never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from enum import StrEnum
from typing import ClassVar, Self


class ProblemCode(StrEnum):
    """What a client can act on."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    WRONG_STATE = "WRONG_STATE"
    CONFLICT = "CONFLICT"
    UNSUPPORTED = "UNSUPPORTED"
    FORBIDDEN = "FORBIDDEN"
    AUTHORIZATION_REQUIRED = "AUTHORIZATION_REQUIRED"
    PROVIDER_REFUSED = "PROVIDER_REFUSED"
    PROVIDER_BUSY = "PROVIDER_BUSY"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_MISBEHAVED = "PROVIDER_MISBEHAVED"
    IN_DOUBT = "IN_DOUBT"
    TOO_LARGE = "TOO_LARGE"


class SigningError(Exception):
    """An expected failure.

    ``path`` names the input it is about, outermost first. Where a provider was asked, ``provider`` is its
    configured name, ``provider_code`` its own code, ``status`` the HTTP status, ``detail`` its own words
    freed of our credentials, and ``retry_after`` the seconds it asks us to wait. ``trace_id`` names it in the log, where more
    is said there.
    """

    code: ClassVar[ProblemCode]
    error_code: ClassVar[str | None] = None
    """What it is called where it is never a problem in a payload, but always an error of GraphQL."""
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        path: Sequence[str] = (),
        provider: str | None = None,
        provider_code: str | None = None,
        status: int | None = None,
        detail: str | None = None,
        retry_after: float | None = None,
        trace_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = tuple(path)
        self.provider = provider
        self.provider_code = provider_code
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.trace_id = trace_id

    def at(self, path: Sequence[str], provider: str | None = None) -> Self:
        """The same error about another input, and of a provider where one is named."""
        error = copy(self)
        error.path, error.provider = tuple(path), provider or self.provider
        return error

    def saying_also(self, more: str) -> Self:
        """The same error with more to say."""
        error = copy(self)
        error.message += more
        return error


class Invalid(SigningError):
    """The request is wrong in itself."""

    code = ProblemCode.INVALID


class TooLarge(Invalid):
    """More bytes or items than are taken."""

    code = ProblemCode.TOO_LARGE


class TooMany(TooLarge):
    """More at a time than one client is granted; ``retry_after`` says when there is more, where time is what it takes."""

    error_code = "TOO_MANY_REQUESTS"
    retryable = True


class NotFound(SigningError):
    """There is no such thing, or not for this viewer."""

    code = ProblemCode.NOT_FOUND


class WrongState(SigningError):
    """The session is in a state that does not allow this."""

    code = ProblemCode.WRONG_STATE


class Irreversible(WrongState):
    """A step cannot be compensated any more: people were invited to it, or have acted on it."""


class Conflict(SigningError):
    """Somebody else was faster, or the same key was used for something else."""

    code = ProblemCode.CONFLICT


class Unsupported(SigningError):
    """This provider has no such operation."""

    code = ProblemCode.UNSUPPORTED


class CursorExpired(Invalid):
    """The log no longer holds what follows this cursor: read the sessions again."""

    error_code = "CURSOR_EXPIRED"


class Forbidden(SigningError):
    """The viewer lacks a scope."""

    code = ProblemCode.FORBIDDEN


class ProviderError(SigningError):
    """The provider was asked and this came of it."""


class AuthorizationRequired(ProviderError):
    """The provider does not accept our credentials, or no longer."""

    code = ProblemCode.AUTHORIZATION_REQUIRED


class Refused(ProviderError):
    """The provider understood and said no."""

    code = ProblemCode.PROVIDER_REFUSED


class Busy(ProviderError):
    """The provider asks for patience."""

    code = ProblemCode.PROVIDER_BUSY
    retryable = True


class Unavailable(ProviderError):
    """The provider did not answer; what was asked has not happened, or was only a read."""

    code = ProblemCode.PROVIDER_UNAVAILABLE
    retryable = True


class TimedOut(Unavailable):
    """The provider did not answer in time."""


class Misbehaved(ProviderError):
    """The provider answered what cannot be read."""

    code = ProblemCode.PROVIDER_MISBEHAVED


class InDoubt(ProviderError):
    """A write was sent and no readable answer came: it may or may not have happened.

    One that is ``in_flight`` was given up while it was under way: it may still happen.
    """

    code = ProblemCode.IN_DOUBT
    in_flight: bool = False


class ConfigurationError(Exception):
    """The configuration cannot be used. The message names every wrong key and its remedy."""


def error_class(code: ProblemCode) -> type[SigningError]:
    """The most general class of errors with this code."""
    waiting: list[type[SigningError]] = [SigningError]
    for kind in waiting:
        if kind.__dict__.get("code") is code:
            return kind
        waiting += kind.__subclasses__()
    raise KeyError(code)


def expected_errors(error: BaseException) -> list[SigningError]:
    """The expected failures in an error or a group of errors; empty where something unexpected is among them."""
    if isinstance(error, SigningError):
        return [error]
    if not isinstance(error, BaseExceptionGroup):
        return []
    found = [expected_errors(each) for each in error.exceptions]
    return [each for part in found for each in part] if all(found) else []
