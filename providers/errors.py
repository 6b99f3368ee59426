"""Expected errors: the exceptions that callers handle.

    SigningError
    ├── Invalid                     the request is wrong; path names the input
    │   ├── TooLarge                more bytes or items than are accepted
    │   │   └── TooMany             rate limit of one client
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
        ├── Busy                    it asks us to wait
        ├── Unavailable             it did not answer, or not in time
        │   └── TimedOut            the deadline passed first
        ├── Misbehaved              its response cannot be read
        └── InDoubt                 a write was sent and no response came: it may have happened

    ConfigurationError              outside the tree: handled by the command line alone

Messages are shown to clients: they say what happened and what to do, and hold no secret. The cause of an
error is never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from enum import StrEnum
from typing import ClassVar, Self


class ProblemCode(StrEnum):
    """Code of a problem, by which clients decide what to do."""

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
    without our credentials, and ``retry_after`` the seconds it asks us to wait. ``trace_id`` finds it in the log, where
    it is logged.
    """

    code: ClassVar[ProblemCode]
    error_code: ClassVar[str | None] = None
    """The code of an error that is never a problem in a payload, but always a GraphQL error."""
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
    """The request is invalid, whatever the state of the session."""

    code = ProblemCode.INVALID


class TooLarge(Invalid):
    """The request has more bytes or items than are accepted."""

    code = ProblemCode.TOO_LARGE


class TooMany(TooLarge):
    """A rate limit or quota of one client is exceeded; ``retry_after`` is set where waiting helps."""

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
    """The provider was asked, and its call failed."""


class AuthorizationRequired(ProviderError):
    """The provider does not accept our credentials, or no longer."""

    code = ProblemCode.AUTHORIZATION_REQUIRED


class Refused(ProviderError):
    """The provider understood and said no."""

    code = ProblemCode.PROVIDER_REFUSED


class Busy(ProviderError):
    """The provider asks us to wait."""

    code = ProblemCode.PROVIDER_BUSY
    retryable = True


class Unavailable(ProviderError):
    """The provider did not answer; what was asked has not happened, or was only a read."""

    code = ProblemCode.PROVIDER_UNAVAILABLE
    retryable = True


class TimedOut(Unavailable):
    """The provider did not answer in time."""


class Misbehaved(ProviderError):
    """The provider's response cannot be read."""

    code = ProblemCode.PROVIDER_MISBEHAVED


class InDoubt(ProviderError):
    """A write was sent and no readable response came: it may or may not have happened.

    One that is ``in_flight`` was abandoned while it was under way: it may still happen.
    """

    code = ProblemCode.IN_DOUBT
    in_flight: bool = False


class ConfigurationError(Exception):
    """The configuration cannot be used. The message names every wrong key and its remedy."""


def error_class(code: ProblemCode) -> type[SigningError]:
    """The most general class of errors with this code."""
    classes: list[type[SigningError]] = [SigningError]
    for kind in classes:
        if kind.__dict__.get("code") is code:
            return kind
        classes += kind.__subclasses__()
    raise KeyError(code)


def expected_errors(error: BaseException) -> list[SigningError]:
    """The expected errors in an exception or a group; empty where an unexpected one is among them."""
    if isinstance(error, SigningError):
        return [error]
    if not isinstance(error, BaseExceptionGroup):
        return []
    groups = [expected_errors(each) for each in error.exceptions]
    return [each for group in groups for each in group] if all(groups) else []
