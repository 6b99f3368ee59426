"""How many calls the watcher may make at a provider, and who comes first where they are short."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import IntEnum

from providers.clock import Clock

_BURST_SHARE = 0.25
_SHORTEST_WAIT = 0.001


class Rank(IntEnum):
    """What a call is for, the most urgent first."""

    FOLLOWED = 0
    LIST = 1
    REST = 2


_RESERVED = {Rank.FOLLOWED: 0.0, Rank.LIST: 2.0, Rank.REST: 6.0}
"""The calls that are left to those who are more urgent, at most half of a burst."""


class Budget:
    """So many calls in any minute. All that this gateway makes count, so that the watcher gives way to its users.

    ``sent`` tells how many have gone out by now. Whatever else happens, each rank gets one call in ``patience`` seconds:
    a provider that users keep busy is still watched. It begins empty, so that gateways that restart do not exceed it.
    """

    def __init__(self, per_minute: int, sent: Callable[[], int], clock: Clock, patience: float) -> None:
        self._burst = max(1.0, per_minute * _BURST_SHARE)
        self._rate = per_minute * (1 - _BURST_SHARE) / 60
        self._debt = -float(per_minute)
        self._sent = sent
        self._clock = clock
        self._patience = patience
        self._counted = sent()
        self._at = clock.monotonic()
        self._left = 0.0
        self._under_way = 0
        self._granted = dict.fromkeys(Rank, self._at)

    def wait(self, rank: Rank) -> float:
        """Seconds until a call may go out; 0 where it may now."""
        self._settle()
        needed = 1 + min(_RESERVED[rank], (self._burst - 1) * rank / 4) + self._under_way
        if self._left >= needed:
            return 0
        patience = self._granted[rank] + self._patience - self._at
        return max(0.0, min((needed - self._left) / self._rate, patience))

    async def ready(self, rank: Rank) -> None:
        """Waits until a call may go out."""
        while (wait := self.wait(rank)) > 0:
            await self._clock.sleep(max(wait, _SHORTEST_WAIT))
        self._granted[rank] = self._at

    @asynccontextmanager
    async def look(self, rank: Rank) -> AsyncIterator[None]:
        """Waits for a call, and holds it back from others until it is counted."""
        await self.ready(rank)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def _settle(self) -> None:
        now, sent = self._clock.monotonic(), self._sent()
        grown = min(self._burst, self._left + (now - self._at) * self._rate)
        self._left = max(self._debt, grown - (sent - self._counted))
        self._at, self._counted = now, sent
