"""Interest registration: tells all gateways, through the store, which sessions have a follower at this one.

A registration is a lease: what nobody renews ends after half a minute, also where a gateway has died.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from gateway.events.hub import Hub
from gateway.sync.schedule import Schedule
from gateway.telemetry.log_once import OutageLog
from providers.clock import Clock
from providers.model import SessionRef

_LEASE = timedelta(seconds=30)
_RENEW_SECONDS = 10.0
_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 60.0
_BATCH_SECONDS = 0.02
_log = logging.getLogger("countersign.watcher")


class Interest:
    """Registers a followed session at once, and renews the registration every ten seconds.

    A session that the store does not know yet is retried with exponential backoff, from a second to a minute: one that comes
    into being is soon registered, and thousands that never do cost next to nothing.
    """

    def __init__(self, hub: Hub, schedule: Schedule, clock: Clock, on_registered: Callable[[], None]) -> None:
        self._hub = hub
        self._schedule = schedule
        self._clock = clock
        self._on_registered = on_registered
        self._has_new = asyncio.Event()
        self._registered: set[SessionRef] = set()
        self._renewed_at = 0.0
        self._retries: dict[SessionRef, tuple[float, float]] = {}
        """Time of the next attempt for each session that the store does not know, and the wait before it."""
        self._outage = OutageLog(_log, "who is followed could not be written down")

    async def run(self) -> None:
        """Registers and renews until it is cancelled; the hub wakes it for a new session."""
        self._hub.on_new_topic = self._has_new.set
        while True:
            wait = _FIRST_RETRY_SECONDS
            with self._outage.log_and_continue():
                wait = await self.register()
            await self._wait(wait)

    async def register(self) -> float:
        """Writes all registrations that are due; gives the seconds until the next is."""
        now, refs = self._clock.monotonic(), set(self._hub.sessions)
        self._registered &= refs
        self._retries = {ref: retry for ref, retry in self._retries.items() if ref in refs}
        due = {ref for ref in refs - self._registered if ref not in self._retries or self._retries[ref][0] <= now}
        if now - self._renewed_at >= _RENEW_SECONDS:
            self._renewed_at = now
            due |= self._registered
        if due:
            stored = await self._schedule.follow(due, _LEASE)
            self._registered = self._registered - due | stored
            self._back_off(due - stored, now)
            for ref in stored:
                self._retries.pop(ref, None)
            self._on_registered()
        next_retry = min((at for at, _ in self._retries.values()), default=now + _RENEW_SECONDS)
        return max(0.0, min(self._renewed_at + _RENEW_SECONDS, next_retry) - now)

    def _back_off(self, refs: Iterable[SessionRef], now: float) -> None:
        for ref in refs:
            wait = min(2 * self._retries[ref][1], _LAST_RETRY_SECONDS) if ref in self._retries else _FIRST_RETRY_SECONDS
            self._retries[ref] = (now + wait, wait)

    async def _wait(self, seconds: float) -> None:
        """Waits so long, or until there is a new session; sessions that come together are registered together."""
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._has_new.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if self._has_new.is_set():
            await self._clock.sleep(_BATCH_SECONDS)
            self._has_new.clear()
