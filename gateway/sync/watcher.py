"""Watcher: one poller per provider across all gateways, each under a lease (leader election by the database)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from gateway.config import WatchSettings
from gateway.directory import Directory
from gateway.events.hub import Hub
from gateway.store import Store
from gateway.sync.interest import Interest
from gateway.sync.poller import Poller
from gateway.sync.schedule import Schedule
from gateway.task import cancel_and_wait
from gateway.telemetry.log_once import OutageLog
from providers.clock import Clock

_RENEWALS_PER_LEASE = 5
_MAX_PAUSE = 1.0
_RELEASE_TIMEOUT = 2.0
_log = logging.getLogger("countersign.watcher")

MakePoller = Callable[[str], Poller]


class Watcher:
    """Acquires and renews leases several times within their length, and runs the pollers of those that it holds.

    A gateway that cannot renew a lease stops its poller before the lease ends.
    """

    def __init__(
        self,
        settings: WatchSettings,
        owner: str,
        directory: Directory,
        store: Store,
        hub: Hub,
        schedule: Schedule,
        make_poller: MakePoller,
        clock: Clock,
    ) -> None:
        """``owner`` is this gateway in the leases; ``make_poller`` takes the name of a provider."""
        self._settings = settings
        self._owner = owner
        self._names = {f"watch:{provider.name}": provider.name for provider in directory}
        self._store = store
        self._make_poller = make_poller
        self._clock = clock
        self._interest = Interest(hub, schedule, clock, self._wake_pollers)
        self._held_until: dict[str, float] = {}
        self._pollers: dict[str, tuple[Poller, asyncio.Task[None]]] = {}
        self._renewal: asyncio.Task[Mapping[str, datetime]] | None = None
        self._renewal_begun = (clock.monotonic(), clock.now())
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._outage = OutageLog(_log, "the leases of the watcher could not be renewed")

    async def open(self) -> None:
        """Starts, where watching is enabled and there is a provider."""
        if self._settings.enabled and self._names:
            self._tasks = [
                asyncio.create_task(self._keep_leases(), name="keeper of leases"),
                asyncio.create_task(self._interest.run(), name="interest in sessions"),
            ]

    async def close(self) -> None:
        """Stops, and releases the leases to the other gateways."""
        if not self._tasks:
            return
        pollers = [task for _, task in self._pollers.values()]
        await cancel_and_wait(*self._tasks, *pollers, self._renewal)
        await asyncio.gather(*self._ending)
        try:
            async with asyncio.timeout(_RELEASE_TIMEOUT):
                await self._store.leases.release(self._names, self._owner)
        except Exception:
            _log.exception("the leases could not be released; they end by themselves")

    @property
    def watched(self) -> frozenset[str]:
        """The providers whose pollers run at this gateway now."""
        return frozenset(self._pollers)

    def _wake_pollers(self) -> None:
        for poller, _ in self._pollers.values():
            poller.wake()

    async def _keep_leases(self) -> None:
        step = self._settings.lease / _RENEWALS_PER_LEASE
        while True:
            await self._renew_leases(step)
            self._start_and_stop_pollers(margin=step + min(step, _MAX_PAUSE))
            await self._clock.sleep(min(step, _MAX_PAUSE))

    async def _renew_leases(self, max_wait: float) -> None:
        """Acquires or renews every lease, but waits for the database only so long: a later answer is read the next time."""
        if self._renewal is None:
            ttl = timedelta(seconds=self._settings.lease)
            self._renewal_begun = (self._clock.monotonic(), self._clock.now())
            renewal = self._store.leases.acquire(self._names, self._owner, self._renewal_begun[1], ttl)
            self._renewal = asyncio.create_task(renewal, name="renewal of leases")
        await asyncio.wait([self._renewal], timeout=max_wait)
        if not self._renewal.done():
            return
        renewal_task, self._renewal = self._renewal, None
        monotonic, now = self._renewal_begun
        with self._outage.log_and_continue():
            held = renewal_task.result().items()
            self._held_until = {self._names[lease]: monotonic + (until - now).total_seconds() for lease, until in held}

    def _start_and_stop_pollers(self, margin: float) -> None:
        """Runs the pollers whose lease lasts beyond the next renewal, and no others."""
        now = self._clock.monotonic()
        for name in self._names.values():
            is_held = self._held_until.get(name, 0.0) - now > margin
            running = self._pollers.get(name)
            if running is not None and (not is_held or running[1].done()):
                ending = asyncio.create_task(cancel_and_wait(running[1]), name=f"end of the poller of {name}")
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
                del self._pollers[name]
            if is_held and name not in self._pollers:
                poller = self._make_poller(name)
                self._pollers[name] = poller, asyncio.create_task(poller.run(), name=f"poller of {name}")
