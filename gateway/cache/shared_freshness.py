"""Shared freshness: tells other gateways, through Redis, which version of a session was confirmed at its provider, and when.

Nothing else is shared of what a gateway has cached. States are in the store, so nothing here can be out of date, and there is
no personal data in it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from gateway.cache.redis import FAILURES, call_redis, redis_breaker
from gateway.store import StoredSession
from gateway.task import cancel_and_wait
from providers.clock import Clock
from providers.model import SessionRef

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_QUEUED = 10_000
_BATCH = 200
_READ_TIMEOUT = 0.1
_RETRY_SECONDS = 1.0


class SharedFreshness:
    """Confirmations in a Redis, each for as long as an open session counts as fresh; without a Redis there are none."""

    def __init__(self, redis: Redis | None, ttl_seconds: float, clock: Clock) -> None:
        self._redis = redis
        self._ttl_ms = max(1, int(ttl_seconds * 1000))
        self._clock = clock
        self._queue: dict[str, str] = {}
        self._queued = asyncio.Event()
        self._breaker = redis_breaker(clock)
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Starts to publish what is confirmed here."""
        if self._redis is not None:
            self._task = asyncio.create_task(self._publish_queued(self._redis), name="shared freshness")

    async def close(self) -> None:
        """Stops."""
        await cancel_and_wait(self._task)

    def confirm(self, stored: StoredSession) -> None:
        """Queues that a state was seen at its provider. Never waits; where the queue is full, the oldest is dropped."""
        at = stored.session.observed_at
        if self._redis is None or at is None:
            return
        self._queue[_redis_key(stored.session.ref)] = f"{stored.version} {(at - _EPOCH) // _MICROSECOND}"
        if len(self._queue) > _MAX_QUEUED:
            del self._queue[next(iter(self._queue))]
        self._queued.set()

    async def confirmed_at(self, stored: StoredSession) -> datetime | None:
        """Time at which another gateway last saw this version at its provider; None where none did, or Redis is away.

        It is never in the future, whatever the clock of that gateway says.
        """
        if (redis := self._redis) is None:
            return None
        value = await call_redis(self._breaker, lambda: _read(redis, stored.session.ref))
        version, _, micros = (value or "").partition(" ")
        if version != str(stored.version):
            return None
        try:
            return min(_EPOCH + int(micros) * _MICROSECOND, self._clock.now())
        except (ValueError, OverflowError):  # no gateway wrote that
            return None

    async def _publish_queued(self, redis: Redis) -> None:
        while True:
            await self._queued.wait()
            self._queued.clear()
            while self._queue:
                batch = [(key, self._queue.pop(key)) for key in list(self._queue)[:_BATCH]]
                try:
                    async with redis.pipeline(transaction=False) as pipeline:
                        for key, value in batch:
                            pipeline.set(key, value, px=self._ttl_ms)
                        await pipeline.execute()
                except FAILURES:
                    await self._clock.sleep(_RETRY_SECONDS)


async def _read(redis: Redis, ref: SessionRef) -> str:
    async with asyncio.timeout(_READ_TIMEOUT):
        return str(await redis.get(_redis_key(ref)) or "")


def _redis_key(ref: SessionRef) -> str:
    return f"countersign:confirmed:{ref.provider}:{ref.key}"
