"""Keeps the leases of the providers that this gateway looks after, and looks after them."""

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
from gateway.task import end
from gateway.telemetry.log_once import Trouble
from providers.clock import Clock

_TRIES = 5
_LONGEST_PAUSE = 1.0
_PATIENCE = 2.0
_log = logging.getLogger("countersign.watcher")

MakePoller = Callable[[str], Poller]


class Watcher:
    """For each provider one poller across all gateways, and for this gateway a word on whom its clients follow.

    A lease is tried for, or renewed, several times within its length. Who cannot renew one stops before it ends.
    """

    def __init__(
        self,
        settings: WatchSettings,
        owner: str,
        directory: Directory,
        store: Store,
        hub: Hub,
        schedule: Schedule,
        poller: MakePoller,
        clock: Clock,
    ) -> None:
        """``owner`` is this gateway; ``poller`` makes what looks after a provider of that name."""
        self._settings = settings
        self._owner = owner
        self._names = {f"watch:{provider.name}": provider.name for provider in directory}
        self._store = store
        self._make = poller
        self._clock = clock
        self._interest = Interest(hub, schedule, clock, self._wake)
        self._until: dict[str, float] = {}
        self._pollers: dict[str, tuple[Poller, asyncio.Task[None]]] = {}
        self._attempt: asyncio.Task[Mapping[str, datetime]] | None = None
        self._begun = (clock.monotonic(), clock.now())
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._trouble = Trouble(_log, "the leases of the watcher could not be renewed")

    async def open(self) -> None:
        """Begins, where it is wanted."""
        if self._settings.enabled and self._names:
            self._tasks = [
                asyncio.create_task(self._keep(), name="keeper of leases"),
                asyncio.create_task(self._interest.run(), name="interest in sessions"),
            ]

    async def close(self) -> None:
        """Ends, and leaves the providers to the other gateways."""
        if not self._tasks:
            return
        pollers = [task for _, task in self._pollers.values()]
        await end(*self._tasks, *pollers, self._attempt)
        await asyncio.gather(*self._ending)
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._store.leases.release(self._names, self._owner)
        except Exception:
            _log.exception("the leases could not be released; they end by themselves")

    @property
    def watched(self) -> frozenset[str]:
        """The providers that this gateway looks after now."""
        return frozenset(self._pollers)

    def _wake(self) -> None:
        for poller, _ in self._pollers.values():
            poller.wake()

    async def _keep(self) -> None:
        step = self._settings.lease / _TRIES
        while True:
            await self._renew(step)
            self._adjust(margin=step + min(step, _LONGEST_PAUSE))
            await self._clock.sleep(min(step, _LONGEST_PAUSE))

    async def _renew(self, patience: float) -> None:
        """Tries for every lease, but waits for the database only so long: what it says later is heard then."""
        if self._attempt is None:
            lasting = timedelta(seconds=self._settings.lease)
            self._begun = (self._clock.monotonic(), self._clock.now())
            held = self._store.leases.hold(self._names, self._owner, self._begun[1], lasting)
            self._attempt = asyncio.create_task(held, name="attempt at leases")
        await asyncio.wait([self._attempt], timeout=patience)
        if not self._attempt.done():
            return
        attempt, self._attempt = self._attempt, None
        monotonic, now = self._begun
        with self._trouble.survived():
            answered = attempt.result().items()
            self._until = {self._names[lease]: monotonic + (until - now).total_seconds() for lease, until in answered}

    def _adjust(self, margin: float) -> None:
        """Looks after the providers whose lease will surely be ours when this is asked again, and no others."""
        now = self._clock.monotonic()
        for name in self._names.values():
            ours = self._until.get(name, 0.0) - now > margin
            poller = self._pollers.get(name)
            if poller is not None and (not ours or poller[1].done()):
                ending = asyncio.create_task(end(poller[1]), name=f"end of the poller of {name}")
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
                del self._pollers[name]
            if ours and name not in self._pollers:
                made = self._make(name)
                self._pollers[name] = made, asyncio.create_task(made.run(), name=f"poller of {name}")
