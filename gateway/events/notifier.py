"""Says that the log has grown: to this gateway at once, to the others by Redis where there is one.

Nothing depends on its being heard. Whoever waits looks into the log by themselves after a while.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from redis.asyncio import Redis

from gateway.cache.redis import FAILURES
from gateway.task import end
from providers.clock import Clock

_CHANNEL = "countersign:log"
_PAUSE = 0.5
_SAFETY = 8
_log = logging.getLogger("countersign.wake")


class Wake:
    """A bell. ``ring`` never waits; between two rings that nobody has heard yet there is no difference."""

    def __init__(self, redis: Redis | None, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._heard = asyncio.Event()
        self._rung = asyncio.Event()
        self._listening = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Begins to listen to the other gateways, and to be heard by them."""
        if self._redis is not None:
            self._tasks = [
                asyncio.create_task(self._listen(self._redis), name="listener to other gateways"),
                asyncio.create_task(self._pass_on(self._redis), name="bell for other gateways"),
            ]

    async def close(self) -> None:
        """Ends."""
        await end(*self._tasks)

    def ring(self) -> None:
        """The log has grown."""
        self._heard.set()
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Waits until somebody rings, but no longer than that; where Redis would tell us, up to eight times as long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * _SAFETY if self._listening else seconds):
                await self._heard.wait()
        self._heard.clear()

    async def _listen(self, redis: Redis) -> None:
        while True:
            try:
                async with redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(_CHANNEL)
                    self._listening = True
                    self._heard.set()  # somebody may have rung while nobody listened
                    while True:
                        if await channel.get_message(timeout=1.0) is not None:
                            self._heard.set()
            except FAILURES as error:
                if self._listening:
                    _log.warning("Redis does not answer (%s): until it does, the log is polled", type(error).__name__)
            finally:
                self._listening = False
            await self._clock.sleep(_PAUSE)

    async def _pass_on(self, redis: Redis) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            with suppress(*FAILURES):
                await redis.publish(_CHANNEL, b"")
