"""Call budget: a token bucket that bounds the poller's calls at a provider, with priorities where they are short."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import IntEnum

from providers.clock import Clock

_BURST_SHARE = 0.25
_MIN_WAIT = 0.001


class Priority(IntEnum):
    """Purpose of a call, the most urgent first."""

    FOLLOWED = 0
    LIST = 1
    REST = 2


_RESERVED = {Priority.FOLLOWED: 0.0, Priority.LIST: 2.0, Priority.REST: 6.0}
"""Calls that are left to those of a higher priority, at most half of a burst."""


class CallBudget:
    """So many calls in any minute. All calls of this gateway count (``sent``), so that polling gives way to its users.

    Each priority gets one call in ``max_wait`` seconds all the same: a provider that users keep busy is still polled. The
    bucket begins empty, so that gateways that restart do not exceed it.
    """

    def __init__(self, per_minute: int, sent: Callable[[], int], clock: Clock, max_wait: float) -> None:
        self._burst = max(1.0, per_minute * _BURST_SHARE)
        self._rate = per_minute * (1 - _BURST_SHARE) / 60
        self._max_debt = -float(per_minute)
        self._sent = sent
        self._clock = clock
        self._max_wait = max_wait
        self._counted = sent()
        self._at = clock.monotonic()
        self._tokens = 0.0
        self._in_flight = 0
        self._granted_at = dict.fromkeys(Priority, self._at)

    def wait(self, priority: Priority) -> float:
        """Seconds until a call may be made; 0 where it may be now."""
        self._refill()
        needed = 1 + min(_RESERVED[priority], (self._burst - 1) * priority / 4) + self._in_flight
        if self._tokens >= needed:
            return 0
        max_wait = self._granted_at[priority] + self._max_wait - self._at
        return max(0.0, min((needed - self._tokens) / self._rate, max_wait))

    async def acquire(self, priority: Priority) -> None:
        """Waits until a call may be made."""
        while (wait := self.wait(priority)) > 0:
            await self._clock.sleep(max(wait, _MIN_WAIT))
        self._granted_at[priority] = self._at

    @asynccontextmanager
    async def reserve(self, priority: Priority) -> AsyncIterator[None]:
        """Waits for a call, and holds its token back from others until the call is counted as sent."""
        await self.acquire(priority)
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def _refill(self) -> None:
        now, sent = self._clock.monotonic(), self._sent()
        refilled = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._tokens = max(self._max_debt, refilled - (sent - self._counted))
        self._at, self._counted = now, sent
