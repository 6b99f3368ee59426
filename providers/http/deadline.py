"""Deadline of a whole request: an upper bound over all of its calls, waits and retries, kept in a context variable."""

from __future__ import annotations

from contextvars import ContextVar

from providers.clock import Clock

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class deadline:  # noqa: N801 - it is used as a function is
    """Sets the deadline of all calls made within, in so many seconds. An outer deadline that is nearer stays."""

    __slots__ = ("_clock", "_seconds", "_token")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def __enter__(self) -> None:
        inner, outer = self._clock.monotonic() + self._seconds, _deadline.get()
        self._token = _deadline.set(inner if outer is None else min(inner, outer))

    def __exit__(self, *raised: object) -> None:
        _deadline.reset(self._token)


def remaining_time(clock: Clock) -> float | None:
    """Seconds until the deadline, negative once it has passed; None where no deadline is set."""
    at = _deadline.get()
    return None if at is None else at - clock.monotonic()


def remaining_time_or(default: float, clock: Clock) -> float:
    """Seconds until the deadline; ``default`` where no deadline is set."""
    at = _deadline.get()
    return default if at is None else at - clock.monotonic()
