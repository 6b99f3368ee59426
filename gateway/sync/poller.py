"""Poller of one provider: followed sessions, then its list, or each open session where it has none; an hourly sweep."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta

from gateway.directory import ConnectedProvider
from gateway.store import ListCheckpoint, Store
from gateway.sync.backoff import Backoff
from gateway.sync.budget import CallBudget, Priority
from gateway.sync.list_rows import Fetch, Pacing, concerns_one_session
from gateway.sync.list_sync import ListSync
from gateway.sync.schedule import PollingInterval, Schedule
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import NotFound, SigningError, expected_errors
from providers.http.deadline import deadline
from providers.model import ChangeSource, SessionRef

_CONCURRENT_READS = {Priority.FOLLOWED: 8, Priority.LIST: 4, Priority.REST: 4}
_BATCH = 32
_SWEEP_INTERVAL = timedelta(hours=1)
_READ_SECONDS = 60.0
_MIN_PAUSE = 0.01
_MAX_PAUSE = 60.0
_MAX_WAIT_INTERVALS = 4
_log = logging.getLogger("countersign.watcher")

Turn = Callable[[], Awaitable[float]]


class Poller:
    """Polls one provider for as long as ``run`` runs. Each turn gives the seconds until the next one.

    A signature store orders its list by when a record was made, and shows none without tags: the new version of an old
    record is found by the sweep, once an hour, and that of a record without tags only while it is followed.
    """

    def __init__(
        self, provider: ConnectedProvider, store: Store, schedule: Schedule, listing: ListSync, fetch: Fetch, clock: Clock
    ) -> None:
        settings, http = provider.settings, provider.adapter.http
        self._provider = provider
        self._name = provider.name
        self._store = store
        self._schedule = schedule
        self._walks = listing.walks
        self._fetch = fetch
        self._clock = clock
        self._followed_seconds = PollingInterval.of(settings).followed
        max_wait = _MAX_WAIT_INTERVALS * settings.poll_interval
        self._budget = CallBudget(settings.poll_budget, lambda: http.requests_sent, clock, max_wait)
        self._backoff = Backoff(clock, lambda: provider.adapter.credentials)
        self._woken = asyncio.Event()
        self._logged: set[type[Exception]] = set()

    def wake(self) -> None:
        """Begins the next turn of the followed sessions: others are followed than before."""
        self._woken.set()

    async def run(self) -> None:
        """Takes turns until it is cancelled. Nothing that a turn raises ends it."""
        has_list = self._provider.can(Operation.LIST_SESSIONS)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self.poll_followed, self._woken), name=f"poll of {self._name}, followed")
            tasks.create_task(self._repeat(self.poll_list if has_list else self.poll_rest), name=f"poll of {self._name}")
            if has_list:
                tasks.create_task(self._repeat(self.sweep), name=f"sweep of {self._name}")

    async def poll_followed(self) -> float:
        """Reads the followed sessions that are due."""
        while (wait := self._backoff.remaining()) == 0:
            if not (keys := await self._schedule.followed(self._name, _BATCH)):
                next_at = await self._schedule.next_followed(self._name)
                left = (next_at - self._clock.now()).total_seconds() if next_at else self._followed_seconds
                return min(left, self._followed_seconds)
            await self._read(keys, Priority.FOLLOWED)
        return wait

    async def poll_list(self) -> float:
        """Reads the list for what is new and what is due, and the due sessions that were not on it by themselves."""
        sync = await self._store.checkpoints.get(self._name)
        if sync and sync.looked_at and (wait := self._until_next_list(sync)) > 0:
            return wait
        next_at = self._schedule.soon(self._name)
        pacing = Pacing(lambda: self._budget.acquire(Priority.LIST), _CONCURRENT_READS[Priority.LIST])
        hidden = await self._walks.poll(self._provider, pacing)
        self._backoff.record_success()
        await self._read(hidden, Priority.REST)
        return (next_at - self._clock.now()).total_seconds()

    async def poll_rest(self) -> float:
        """Reads the sessions without a follower that are due, where there is no list."""
        next_at = self._schedule.soon(self._name)
        while (wait := self._backoff.remaining()) == 0:
            begun = self._clock.now()
            keys = await self._schedule.due(self._name, _BATCH)
            await self._read(keys, Priority.REST)
            if len(keys) < _BATCH and self._backoff.remaining() == 0:
                await self._store.checkpoints.record_poll(self._name, begun)
                due_at = await self._schedule.next_due(self._name)
                return ((min(next_at, due_at) if due_at else next_at) - self._clock.now()).total_seconds()
        return wait

    async def sweep(self) -> float:
        """Reads the list from end to end, where the last sweep is an hour ago or changes may have been missed since."""
        sync = await self._store.checkpoints.get(self._name) or ListCheckpoint()
        if sync.complete and sync.sweep_offset is None and sync.swept_at is not None:
            wait = (sync.swept_at + _SWEEP_INTERVAL - self._clock.now()).total_seconds()
            if wait > 0:
                return wait
        pacing = Pacing(lambda: self._budget.acquire(Priority.REST), _CONCURRENT_READS[Priority.REST])
        await self._walks.sweep(self._provider, pacing)
        self._backoff.record_success()
        return _SWEEP_INTERVAL.total_seconds()

    def _until_next_list(self, sync: ListCheckpoint) -> float:
        """Seconds until the list is due, where this gateway or another has read it lately."""
        now = self._clock.now()
        return ((sync.looked_at or now) - now + (self._schedule.soon(self._name) - now)).total_seconds()

    async def _read(self, keys: Collection[str], priority: Priority) -> None:
        """Reads sessions concurrently. Where the provider has trouble, those that were not asked for stay due."""
        slots = asyncio.Semaphore(_CONCURRENT_READS[priority])
        begun: dict[str, datetime] = {}

        async def read(key: str) -> None:
            async with slots, self._budget.reserve(priority):
                if self._backoff.remaining() == 0:
                    begun[key] = self._clock.now()
                    await self._read_one(key, priority)

        try:
            async with asyncio.TaskGroup() as tasks:
                for key in keys:
                    tasks.create_task(read(key))
        finally:
            await self._schedule.record_polls(self._name, begun)

    async def _read_one(self, key: str, priority: Priority) -> None:
        # One that does not answer must not keep the other followed sessions waiting through all of its retries.
        timeout = self._provider.settings.timeout if priority is Priority.FOLLOWED else _READ_SECONDS
        try:
            with deadline(self._clock, timeout), suppress(NotFound):
                await self._fetch(SessionRef(self._name, key), ChangeSource.POLL, {})
        except SigningError as error:
            if not concerns_one_session(error):
                self._backoff.record_failure(error)
        else:
            self._backoff.record_success()

    async def _repeat(self, turn: Turn, woken: asyncio.Event | None = None) -> None:
        while True:
            wait = self._backoff.remaining()
            if wait == 0:
                wait = await self._take_turn(turn)
            await self._pause(min(max(wait, _MIN_PAUSE), _MAX_PAUSE), woken)

    async def _take_turn(self, turn: Turn) -> float:
        """Takes a turn; gives the seconds until the next, also where it fails. An unexpected error is logged once."""
        try:
            return await turn()
        except Exception as error:
            if failures := expected_errors(error):
                self._backoff.record_failure(failures[0])
                return self._backoff.remaining()
            if type(error) not in self._logged:
                self._logged.add(type(error))
                _log.exception("%s could not be watched; it is tried again, and this is said once", self._name)
            return self._provider.settings.poll_interval

    async def _pause(self, seconds: float, woken: asyncio.Event | None) -> None:
        if woken is None:
            await self._clock.sleep(seconds)
            return
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(woken.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        woken.clear()
