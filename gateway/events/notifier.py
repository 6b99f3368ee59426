"""Log notifier: wakes the readers of the event log, here at once, and at other gateways by Redis publish/subscribe.

Nothing depends on a notification arriving: a reader that gets none polls the log after a while.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from redis.asyncio import Redis

from gateway.cache.redis import FAILURES
from gateway.task import cancel_and_wait
from providers.clock import Clock

_CHANNEL = "countersign:log"
_RECONNECT_SECONDS = 0.5
_SUBSCRIBED_FACTOR = 8
_log = logging.getLogger("countersign.wake")


class LogNotifier:
    """Notifications that the log has grown. ``notify`` never waits, and those that nobody has read yet are one."""

    def __init__(self, redis: Redis | None, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._notified = asyncio.Event()
        self._unpublished = asyncio.Event()
        self._subscribed = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Subscribes to other gateways, and starts to publish to them."""
        if self._redis is not None:
            self._tasks = [
                asyncio.create_task(self._subscribe(self._redis), name="subscriber to other gateways"),
                asyncio.create_task(self._publish(self._redis), name="publisher to other gateways"),
            ]

    async def close(self) -> None:
        """Ends both."""
        await cancel_and_wait(*self._tasks)

    def notify(self) -> None:
        """Wakes everybody: the log has grown."""
        self._notified.set()
        self._unpublished.set()

    async def wait(self, seconds: float) -> None:
        """Waits for a notification, at most so long; up to eight times as long while Redis would bring those of others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * _SUBSCRIBED_FACTOR if self._subscribed else seconds):
                await self._notified.wait()
        self._notified.clear()

    async def _subscribe(self, redis: Redis) -> None:
        while True:
            try:
                async with redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(_CHANNEL)
                    self._subscribed = True
                    self._notified.set()  # what was published before the subscription is lost
                    while True:
                        if await channel.get_message(timeout=1.0) is not None:
                            self._notified.set()
            except FAILURES as error:
                if self._subscribed:
                    _log.warning("Redis does not answer (%s): until it does, the log is polled", type(error).__name__)
            finally:
                self._subscribed = False
            await self._clock.sleep(_RECONNECT_SECONDS)

    async def _publish(self, redis: Redis) -> None:
        while True:
            await self._unpublished.wait()
            self._unpublished.clear()
            with suppress(*FAILURES):
                await redis.publish(_CHANNEL, b"")
