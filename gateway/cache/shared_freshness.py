"""What other gateways have found unchanged: which version of a session was confirmed at its provider, and when.

That is all that gateways share of what they have at hand. States are in the store, so nothing here can be out of date, and
there is no personal data in it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from gateway.cache.redis import FAILURES
from gateway.store import Stored
from gateway.task import end
from providers.clock import Clock
from providers.model import SessionRef

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST = 10_000
_BATCH = 200
_PATIENCE = 0.1
_PAUSE = 1.0


class Confirmations:
    """Confirmations in a Redis, each for as long as an open session counts as fresh; without one there are none."""

    def __init__(self, redis: Redis | None, lasting: float, clock: Clock) -> None:
        self._redis = redis
        self._lasting = max(1, int(lasting * 1000))
        self._clock = clock
        self._waiting: OrderedDict[str, str] = OrderedDict()
        self._news = asyncio.Event()
        self._silent_until = 0.0
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to pass on what is confirmed here."""
        if self._redis is not None:
            self._task = asyncio.create_task(self._pass_on(self._redis), name="confirmations for other gateways")

    async def close(self) -> None:
        """Ends."""
        await end(self._task)

    def note(self, stored: Stored) -> None:
        """A state was seen at its provider. Waits for nobody; of more than can be passed on, the oldest is dropped."""
        at = stored.session.observed_at
        if self._redis is None or at is None:
            return
        self._waiting[_name(stored.session.ref)] = f"{stored.version} {(at - _EPOCH) // _MICROSECOND}"
        if len(self._waiting) > _MOST:
            self._waiting.popitem(last=False)
        self._news.set()

    async def seen_at(self, stored: Stored) -> datetime | None:
        """When this very state was last seen at its provider, as far as other gateways have told."""
        if self._redis is None or self._clock.monotonic() < self._silent_until:
            return None
        try:
            async with asyncio.timeout(_PATIENCE):
                told = str(await self._redis.get(_name(stored.session.ref)) or "")
        except FAILURES:
            self._silent_until = self._clock.monotonic() + _PAUSE
            return None
        version, _, micros = told.partition(" ")
        return _EPOCH + int(micros) * _MICROSECOND if version == str(stored.version) else None

    async def _pass_on(self, redis: Redis) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                batch = [self._waiting.popitem(last=False) for _ in range(min(_BATCH, len(self._waiting)))]
                try:
                    async with redis.pipeline(transaction=False) as pipeline:
                        for name, value in batch:
                            pipeline.set(name, value, px=self._lasting)
                        await pipeline.execute()
                except FAILURES:
                    await self._clock.sleep(_PAUSE)


def _name(ref: SessionRef) -> str:
    return f"countersign:confirmed:{ref.provider}:{ref.key}"
