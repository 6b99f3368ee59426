"""Rate limits: token buckets for operations and failures, and bounds on what one viewer keeps open at a time."""

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

_MAX_BUCKETS: Final = 10_000
_MAX_RESERVED: Final = 16 * 2**20
"""Characters of all operations that one viewer has under way on live connections: what they declare is kept for as long."""
_ROUNDING_SECONDS: Final = 1e-6
"""A wait below this is an error of rounding in sums of floats."""


class TokenBuckets:
    """Token buckets by key, each kept as one number: when it will be full again.

    ``rate`` tokens flow back in a second, up to ``burst``; a rate of 0 has no bounds. A bucket that was not used for long is
    full, and may be evicted.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._seconds_per_token = 1 / rate if rate else 0.0
        self._depth = burst * self._seconds_per_token
        self._full_at: LruCache[str, float] = LruCache(_MAX_BUCKETS)

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, key: str, now: float) -> float:
        """Seconds until there is a token in a bucket; 0 where there is one."""
        full_at = self._full_at.peek(key)
        wait = (now if full_at is None else full_at) + self._seconds_per_token - now - self._depth
        return wait if wait > _ROUNDING_SECONDS else 0.0

    def take(self, key: str, now: float) -> float:
        """Takes a token out of a bucket; where there is none, the seconds until there is."""
        if not self._seconds_per_token:
            return 0.0
        full_at = self._full_at.peek(key)
        if full_at is None or full_at < now:
            full_at = now
        full_at += self._seconds_per_token
        wait = full_at - now - self._depth
        if wait > _ROUNDING_SECONDS:
            return wait
        self._full_at.put(key, full_at)
        return 0.0


class Quota:
    """Bounds of each viewer, and of each address whose credentials fail."""

    def __init__(self, settings: RateSettings, clock: Clock) -> None:
        self._clock = clock
        self._operations = TokenBuckets(settings.per_second, settings.burst)
        self._failures = TokenBuckets(settings.failures_per_second, settings.failures_burst)
        self._max_subscriptions = settings.subscriptions
        self._subscriptions: Counter[str] = Counter()
        self._reserved: Counter[str] = Counter()

    def spend(self, viewer: Viewer) -> None:
        """Takes one operation of a viewer. Raises ``TooMany``."""
        wait = self._operations.take(viewer.id, self._clock.monotonic())
        if wait:
            raise TooMany("You ask more often than you may here. Wait, then ask again.", retry_after=wait)

    def require_not_blocked(self, address: str) -> None:
        """Raises ``TooMany`` where the credentials of an address have failed too often of late."""
        self._refuse(self._failures.wait(address, self._clock.monotonic()))

    def record_failure(self, address: str) -> None:
        """Counts a failed authentication of an address. Raises ``TooMany`` where there were too many."""
        self._refuse(self._failures.take(address, self._clock.monotonic()))

    def following(self, viewer: Viewer, source: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """The source of a subscription, which counts as one of the viewer's until it is closed."""
        self._subscriptions[viewer.id] += 1
        return _CountedSource(self, viewer.id, source)

    def require_room(self, viewer: Viewer) -> None:
        """Raises ``TooMany`` where a viewer has as many subscriptions as one may."""
        if 0 < self._max_subscriptions <= self._subscriptions[viewer.id]:
            limit = self._max_subscriptions
            raise TooMany(f"You follow {limit:,} subscriptions, which is the most that one may here. End some.")

    def reserve(self, viewer: Viewer, size: int) -> None:
        """Reserves the characters that an operation of a live connection keeps until it ends. Raises ``TooMany``."""
        if self._reserved[viewer.id] + size > _MAX_RESERVED:
            raise TooMany(f"Your live operations have at most {_MAX_RESERVED:,} characters in all here. End some.")
        self._reserved[viewer.id] += size

    def release(self, viewer: Viewer, size: int) -> None:
        """Releases the characters of an operation that has ended."""
        self._reserved[viewer.id] -= size
        if self._reserved[viewer.id] <= 0:
            del self._reserved[viewer.id]

    def end_subscription(self, key: str) -> None:
        """Counts one subscription of a viewer less."""
        self._subscriptions[key] -= 1
        if self._subscriptions[key] <= 0:
            del self._subscriptions[key]

    def _refuse(self, wait: float) -> None:
        if wait:
            raise TooMany("Too many requests from there failed to say who sends them. Wait.", retry_after=wait)


class _CountedSource(AsyncGenerator[T, None]):
    """A source that ends its subscription in the quota once: when it is closed, or is dropped unclosed."""

    __slots__ = ("_key", "_quota", "_source")

    def __init__(self, quota: Quota, key: str, source: AsyncIterator[T]) -> None:
        self._quota: Quota | None = quota
        self._key = key
        self._source = source

    def __anext__(self) -> Any:
        return self._source.__anext__()

    def asend(self, value: None) -> Any:
        """The next item of the source, which takes no value."""
        return self._source.__anext__()

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> T:
        """Closes the source, and raises."""
        await self.aclose()
        raise typ

    async def aclose(self) -> None:
        """Closes the source, and ends its subscription."""
        self._end_subscription()
        close: Any = getattr(self._source, "aclose", None)
        if close is not None:
            closing: Awaitable[None] = close()
            await closing

    def __del__(self) -> None:
        self._end_subscription()

    def _end_subscription(self) -> None:
        quota, self._quota = self._quota, None
        if quota is not None:
            quota.end_subscription(self._key)
