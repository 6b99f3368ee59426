"""Tells every gateway, through the store, which sessions somebody at this one follows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from gateway.events.hub import Hub
from gateway.sync.schedule import Schedule
from gateway.telemetry.log_once import Trouble
from providers.clock import Clock
from providers.model import SessionRef

_LASTING = timedelta(seconds=30)
_RENEWED = 10.0
_RETRIED = 1.0
_RETRIED_AT_MOST = 60.0
_GATHERED = 0.02
_log = logging.getLogger("countersign.watcher")


class Interest:
    """Writes it down at once and again every ten seconds.

    A session that the store does not know yet is tried again with exponential backoff, from a second to a minute: one that
    comes into being is soon followed, and thousands that never do cost next to nothing.
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
        self._unknown: dict[SessionRef, tuple[float, float]] = {}
        """When each that the store does not know is due, and the wait before that."""
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
        self._unknown = {ref: found for ref, found in self._unknown.items() if ref in refs}
        missing = {ref for ref in refs - self._written if ref not in self._unknown or self._unknown[ref][0] <= now}
        if due:
            self._renewed_at = now
            missing |= self._written
        if missing:
            there = await self._schedule.follow(missing, _LASTING)
            self._written = self._written - missing | there
            self._back_off(missing - there, now)
            for ref in there:
                self._unknown.pop(ref, None)
            self._told()
        soonest = min((at for at, _ in self._unknown.values()), default=now + _RENEWED)
        return max(0.0, min(self._renewed_at + _RENEWED, soonest) - now)

    def _back_off(self, refs: Iterable[SessionRef], now: float) -> None:
        for ref in refs:
            wait = min(2 * self._unknown[ref][1], _RETRIED_AT_MOST) if ref in self._unknown else _RETRIED
            self._unknown[ref] = (now + wait, wait)

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
