"""How long a whole request may take, however many calls, waits and retries it needs."""

from __future__ import annotations

from contextvars import ContextVar

from providers.clock import Clock

_until: ContextVar[float | None] = ContextVar("until", default=None)


class deadline:  # noqa: N801 - it is used as a function is
    """Bounds everything that leaves within, to so many seconds. An outer, nearer deadline stays."""

    __slots__ = ("_clock", "_seconds", "_token")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def __enter__(self) -> None:
        mine, outer = self._clock.monotonic() + self._seconds, _until.get()
        self._token = _until.set(mine if outer is None else min(mine, outer))

    def __exit__(self, *raised: object) -> None:
        _until.reset(self._token)


def remaining_time(clock: Clock) -> float | None:
    """Seconds until the deadline, below 0 once it has passed; None where nobody set one."""
    until = _until.get()
    return None if until is None else until - clock.monotonic()
