"""Looks after one provider: who is followed, its list or what no list shows, and once in a while all of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta

from gateway.directory import Connected
from gateway.store import Store, Sync
from gateway.sync.backoff import Backoff
from gateway.sync.budget import Budget, Rank
from gateway.sync.list_rows import Fetch, Manner, concerns_one_session
from gateway.sync.list_sync import Listing
from gateway.sync.polling_interval import Cadence
from gateway.sync.schedule import Schedule
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import NotFound, SigningError, expected_errors
from providers.http.deadline import deadline
from providers.model import ChangeSource, SessionRef

_AT_ONCE = {Rank.FOLLOWED: 8, Rank.LIST: 4, Rank.REST: 4}
_ROUND = 32
_SWEEP_EVERY = timedelta(hours=1)
_LOOK_SECONDS = 60.0
_SHORTEST_PAUSE = 0.01
_LONGEST_PAUSE = 60.0
_PATIENCE_INTERVALS = 4
_log = logging.getLogger("countersign.watcher")

Turn = Callable[[], Awaitable[float]]


class Poller:
    """One provider, for as long as ``run`` runs. Each of its turns gives the seconds until the next one.

    A signature store orders its list by when a record was made, and shows none without tags: the new version of an old
    record is found by the sweep, once an hour, and that of a record without tags only while it is followed.
    """

    def __init__(
        self, provider: Connected, store: Store, schedule: Schedule, listing: Listing, fetch: Fetch, clock: Clock
    ) -> None:
        settings, http = provider.settings, provider.adapter.http
        self._provider = provider
        self._name = provider.name
        self._store = store
        self._schedule = schedule
        self._listing = listing
        self._fetch = fetch
        self._clock = clock
        self._followed_seconds = Cadence.of(settings).followed
        patience = _PATIENCE_INTERVALS * settings.poll_interval
        self._budget = Budget(settings.poll_budget, lambda: http.requests_sent, clock, patience)
        self._backoff = Backoff(clock, lambda: provider.adapter.credentials)
        self._news = asyncio.Event()
        self._unexpected: set[type[Exception]] = set()

    def wake(self) -> None:
        """Others are followed than before."""
        self._news.set()

    async def run(self) -> None:
        """Takes turns until it is cancelled. Nothing that a turn raises ends it."""
        lists = self._provider.can(Operation.LIST_SESSIONS)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self.look_at_followed, self._news), name=f"poll of {self._name}, followed")
            tasks.create_task(self._repeat(self.look_at_list if lists else self.look_at_rest), name=f"poll of {self._name}")
            if lists:
                tasks.create_task(self._repeat(self.sweep), name=f"sweep of {self._name}")

    async def look_at_followed(self) -> float:
        """Reads those that somebody follows and that are due."""
        while (wait := self._backoff.left()) == 0:
            if not (keys := await self._schedule.followed(self._name, _ROUND)):
                next_at = await self._schedule.next_followed(self._name)
                left = (next_at - self._clock.now()).total_seconds() if next_at else self._followed_seconds
                return min(left, self._followed_seconds)
            await self._read(keys, Rank.FOLLOWED)
        return wait

    async def look_at_list(self) -> float:
        """Reads the list for what is new and what is due, and by itself what is due and was not on it."""
        sync = await self._store.syncs.get(self._name)
        if sync and sync.looked_at and (wait := self._until_next(sync)) > 0:
            return wait
        next_at = self._schedule.soon(self._name)
        manner = Manner(lambda: self._budget.ready(Rank.LIST), _AT_ONCE[Rank.LIST])
        hidden = await self._listing.look(self._provider, manner)
        self._backoff.succeeded()
        await self._read(hidden, Rank.REST)
        return (next_at - self._clock.now()).total_seconds()

    async def look_at_rest(self) -> float:
        """Reads those that nobody follows and that are due, where there is no list."""
        next_at = self._schedule.soon(self._name)
        while (wait := self._backoff.left()) == 0:
            begun = self._clock.now()
            keys = await self._schedule.due(self._name, _ROUND)
            await self._read(keys, Rank.REST)
            if len(keys) < _ROUND and self._backoff.left() == 0:
                await self._store.syncs.looked(self._name, begun)
                due_at = await self._schedule.next_due(self._name)
                return ((min(next_at, due_at) if due_at else next_at) - self._clock.now()).total_seconds()
        return wait

    async def sweep(self) -> float:
        """Reads the list from end to end where that is an hour ago, or news may have been missed since."""
        sync = await self._store.syncs.get(self._name) or Sync()
        if sync.complete and sync.sweep is None and sync.swept_at is not None:
            wait = (sync.swept_at + _SWEEP_EVERY - self._clock.now()).total_seconds()
            if wait > 0:
                return wait
        manner = Manner(lambda: self._budget.ready(Rank.REST), _AT_ONCE[Rank.REST])
        await self._listing.sweep(self._provider, manner)
        self._backoff.succeeded()
        return _SWEEP_EVERY.total_seconds()

    def _until_next(self, sync: Sync) -> float:
        """Seconds until the list is due, where it was read lately, by this gateway or another."""
        now = self._clock.now()
        return ((sync.looked_at or now) - now + (self._schedule.soon(self._name) - now)).total_seconds()

    async def _read(self, keys: Collection[str], rank: Rank) -> None:
        """Reads sessions side by side. Where the provider has trouble, those that it was not asked for stay due."""
        turn = asyncio.Semaphore(_AT_ONCE[rank])
        begun: dict[str, datetime] = {}

        async def read(key: str) -> None:
            async with turn, self._budget.look(rank):
                if self._backoff.left() == 0:
                    begun[key] = self._clock.now()
                    await self._look(key, rank)

        try:
            async with asyncio.TaskGroup() as tasks:
                for key in keys:
                    tasks.create_task(read(key))
        finally:
            await self._schedule.looked(self._name, begun)

    async def _look(self, key: str, rank: Rank) -> None:
        # One that does not answer must not keep the others that are followed waiting for all that it is tried.
        patience = self._provider.settings.timeout if rank is Rank.FOLLOWED else _LOOK_SECONDS
        try:
            with deadline(self._clock, patience), suppress(NotFound):
                await self._fetch(SessionRef(self._name, key), ChangeSource.POLL, {})
        except SigningError as error:
            if not concerns_one_session(error):
                self._backoff.failed(error)
        else:
            self._backoff.succeeded()

    async def _repeat(self, turn: Turn, news: asyncio.Event | None = None) -> None:
        while True:
            wait = self._backoff.left()
            if wait == 0:
                wait = await self._took(turn)
            await self._pause(min(max(wait, _SHORTEST_PAUSE), _LONGEST_PAUSE), news)

    async def _took(self, turn: Turn) -> float:
        try:
            wait = await turn()
        except Exception as error:
            if failures := expected_errors(error):
                self._backoff.failed(failures[0])
                return self._backoff.left()
            if type(error) not in self._unexpected:
                self._unexpected.add(type(error))
                _log.exception("%s could not be watched; it is tried again, and this is said once", self._name)
            return self._provider.settings.poll_interval
        return wait

    async def _pause(self, seconds: float, news: asyncio.Event | None) -> None:
        if news is None:
            await self._clock.sleep(seconds)
            return
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(news.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        news.clear()
