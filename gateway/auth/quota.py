"""How much one viewer may ask for at a time, and how often one address may fail to say who it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from types import TracebackType
from typing import Any, Final, TypeVar

from gateway.auth.viewer import Viewer
from gateway.config import RateSettings
from providers.clock import Clock
from providers.errors import TooMany
from providers.lru import LruCache

T = TypeVar("T")

_REMEMBERED: Final = 10_000
_MOST_HELD: Final = 16 * 2**20
"""Characters of all operations that one viewer has under way on live connections: what they declare is kept for as long."""
_NOTHING: Final = 1e-6
"""Seconds that are none: sums of them are not exact."""


class Buckets:
    """Token buckets by their keys, each kept as the one number that says when it will be full again.

    ``rate`` flows back in a second, up to ``burst``; a rate of 0 knows no bounds. A bucket that was not used for long, and
    so is full, may be forgotten.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._each = 1 / rate if rate else 0.0
        self._depth = burst * self._each
        self._full_at: LruCache[str, float] = LruCache(_REMEMBERED)

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, key: str, now: float) -> float:
        """Seconds until there is something in a bucket; 0 where there is."""
        full_at = self._full_at.peek(key)
        wait = (now if full_at is None else full_at) + self._each - now - self._depth
        return wait if wait > _NOTHING else 0.0

    def take(self, key: str, now: float) -> float:
        """Takes one out of a bucket; where there is none, the seconds until there is."""
        if not self._each:
            return 0.0
        full_at = self._full_at.peek(key)
        if full_at is None or full_at < now:
            full_at = now
        full_at += self._each
        wait = full_at - now - self._depth
        if wait > _NOTHING:
            return wait
        self._full_at.put(key, full_at)
        return 0.0


class Allowance:
    """What is granted to each viewer, and to each address that nobody is known to come from."""

    def __init__(self, settings: RateSettings, clock: Clock) -> None:
        self._clock = clock
        self._asked = Buckets(settings.per_second, settings.burst)
        self._failed = Buckets(settings.failures_per_second, settings.failures_burst)
        self._most = settings.subscriptions
        self._followed: Counter[str] = Counter()
        self._held: Counter[str] = Counter()

    def spend(self, viewer: Viewer) -> None:
        """One operation of a viewer. Raises ``TooMany``."""
        wait = self._asked.take(viewer.id, self._clock.monotonic())
        if wait:
            raise TooMany("You ask more often than you may here. Wait, then ask again.", retry_after=wait)

    def heed(self, address: str) -> None:
        """Raises ``TooMany`` where an address has failed too often of late to be listened to."""
        self._refuse(self._failed.wait(address, self._clock.monotonic()))

    def fail(self, address: str) -> None:
        """One failure of an address to say who it is. Raises ``TooMany`` where there were too many."""
        self._refuse(self._failed.take(address, self._clock.monotonic()))

    def following(self, viewer: Viewer, source: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """What a viewer follows, counted until it is closed."""
        self._followed[viewer.id] += 1
        return _Followed(self, viewer.id, source)

    def require_room(self, viewer: Viewer) -> None:
        """Raises ``TooMany`` where a viewer follows as much as one may."""
        if 0 < self._most <= self._followed[viewer.id]:
            raise TooMany(f"You follow {self._most:,} subscriptions, which is the most that one may here. End some.")

    def hold(self, viewer: Viewer, size: int) -> None:
        """Counts what an operation of a live connection keeps until it is let go. Raises ``TooMany``."""
        if self._held[viewer.id] + size > _MOST_HELD:
            raise TooMany(f"Your live operations have at most {_MOST_HELD:,} characters in all here. End some.")
        self._held[viewer.id] += size

    def let_go(self, viewer: Viewer, size: int) -> None:
        """An operation of a live connection has ended."""
        self._held[viewer.id] -= size
        if self._held[viewer.id] <= 0:
            del self._held[viewer.id]

    def release(self, key: str) -> None:
        """One viewer follows one thing less."""
        self._followed[key] -= 1
        if self._followed[key] <= 0:
            del self._followed[key]

    def _refuse(self, wait: float) -> None:
        if wait:
            raise TooMany("Too many requests from there failed to say who sends them. Wait.", retry_after=wait)


class _Followed(AsyncGenerator[T, None]):
    """A source that gives back its place once it is closed, or dropped by whoever should have closed it."""

    __slots__ = ("_allowance", "_key", "_source")

    def __init__(self, allowance: Allowance, key: str, source: AsyncIterator[T]) -> None:
        self._allowance: Allowance | None = allowance
        self._key = key
        self._source = source

    def __anext__(self) -> Any:
        return self._source.__anext__()

    def asend(self, value: None) -> Any:
        """The next of the source, which takes nothing."""
        return self._source.__anext__()

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> T:
        """Ends the source."""
        await self.aclose()
        raise typ

    async def aclose(self) -> None:
        """Ends the source and gives the place back."""
        self._release()
        close: Any = getattr(self._source, "aclose", None)
        if close is not None:
            closing: Awaitable[None] = close()
            await closing

    def __del__(self) -> None:
        self._release()

    def _release(self) -> None:
        allowance, self._allowance = self._allowance, None
        if allowance is not None:
            allowance.release(self._key)
