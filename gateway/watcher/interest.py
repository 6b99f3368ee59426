"""Tells every gateway, through the store, which sessions somebody at this one follows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from gateway.hub import Hub
from gateway.schedule import Schedule
from gateway.trouble import Trouble
from providers.clock import Clock
from providers.model import SessionRef

_LASTING = timedelta(seconds=30)
_RENEWED = 10.0
_RETRIED = 1.0
_GATHERED = 0.02
_log = logging.getLogger("countersign.watcher")


class Interest:
    """Writes it down at once, again every ten seconds, and every second for a session that the store does not know yet.

    What nobody renews ends after half a minute, also where a gateway has died. ``told`` is called after each writing.
    """

    def __init__(self, hub: Hub, schedule: Schedule, clock: Clock, told: Callable[[], None]) -> None:
        self._hub = hub
        self._schedule = schedule
        self._clock = clock
        self._told = told
        self._news = asyncio.Event()
        self._written: set[SessionRef] = set()
        self._renewed_at = 0.0
        self._trouble = Trouble(_log, "who is followed could not be written down")

    async def run(self) -> None:
        """Writes until it is cancelled, and is told by the hub of those who are new."""
        self._hub.followed = self._news.set
        while True:
            wait = _RETRIED
            with self._trouble.survived():
                wait = await self.write()
            await self._pause(wait)

    async def write(self) -> float:
        """Writes what has to be written by now; gives the seconds until there is more to write."""
        now, refs = self._clock.monotonic(), set(self._hub.sessions)
        due = now - self._renewed_at >= _RENEWED
        self._written &= refs
        missing = refs if due else refs - self._written
        if due:
            self._renewed_at = now
        if missing:
            self._written |= await self._schedule.follow(missing, _LASTING)
            self._told()
        return _RETRIED if refs - self._written else max(0.0, self._renewed_at + _RENEWED - now)

    async def _pause(self, seconds: float) -> None:
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._news.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if self._news.is_set():
            await self._clock.sleep(_GATHERED)
            self._news.clear()
