"""How long a whole request may take, however many calls, waits and retries it needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from providers.clock import Clock

_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def deadline(clock: Clock, seconds: float) -> Iterator[None]:
    """Bounds everything that leaves within. An outer, nearer deadline stays."""
    mine, outer = clock.monotonic() + seconds, _until.get()
    token = _until.set(mine if outer is None else min(mine, outer))
    try:
        yield
    finally:
        _until.reset(token)


def time_left(clock: Clock) -> float | None:
    """Seconds until the deadline, below 0 once it has passed; None where nobody set one."""
    until = _until.get()
    return None if until is None else until - clock.monotonic()
