"""List reconciliation: refreshes providers' lists that are older than a client accepts, and reports how fresh each is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextlib import suppress
from contextvars import Context
from datetime import timedelta

from gateway.cache.single_flight import SingleFlight
from gateway.config import FreshnessSettings
from gateway.directory import ConnectedProvider
from gateway.store import ListCheckpoint, Store
from gateway.sync.list_fingerprint import ListFingerprints
from gateway.sync.list_freshness import CheckpointCache, SourceOutcome, SourceReport, outcome_of
from gateway.sync.list_rows import Fetch, ListRows, Observe
from gateway.sync.list_walks import ListWalks
from gateway.sync.schedule import Schedule
from gateway.task import cancel_and_wait
from providers.clock import Clock
from providers.errors import SigningError, TimedOut


class ListSync:
    """Keeps stored lists as fresh as clients ask for; one walk per provider at a time, however many ask."""

    def __init__(
        self,
        store: Store,
        schedule: Schedule,
        freshness: FreshnessSettings,
        clock: Clock,
        *,
        observe: Observe,
        fetch: Fetch,
        version: Callable[[], Hashable],
        read_log: Callable[[float], Awaitable[None]],
        watched: bool,
    ) -> None:
        """``watched`` says that providers are polled.

        ``version`` changes with every write to the store, as far as ``read_log`` has read the log since an instant.
        """
        self._freshness = freshness
        self._clock = clock
        self._watched = watched
        self._checkpoints = CheckpointCache(store, clock)
        rows = ListRows(store, schedule, clock, observe=observe, fetch=fetch)
        fingerprints = ListFingerprints(version, clock)
        self.walks = ListWalks(store, schedule, rows, fingerprints, self._checkpoints, clock, read_log)
        self._running: dict[str, asyncio.Task[ListCheckpoint]] = {}
        self._waits: SingleFlight[object] = SingleFlight()

    async def close(self) -> None:
        """Cancels the walks that are under way."""
        await cancel_and_wait(*self._running.values())

    async def refresh(self, providers: Iterable[ConnectedProvider], max_age: timedelta | None) -> list[SourceReport]:
        """Reads every list that is older than ``max_age``, concurrently, and waits as long as is configured.

        Without a ``max_age``, what the poller has seen lately is fresh.
        """
        asked: list[tuple[ConnectedProvider, SourceReport | None]] = []
        for provider in providers:
            checkpoint = self._checkpoints.get(provider.name)
            asked.append((provider, None if checkpoint is None else self._fresh_report(provider, checkpoint, max_age)))
        stale = [self._report(provider, max_age) for provider, cached in asked if cached is None]
        reports = iter([await each for each in stale] if len(stale) < 2 else await asyncio.gather(*stale))
        return [next(reports) if cached is None else cached for _, cached in asked]

    def _fresh_report(
        self, provider: ConnectedProvider, checkpoint: ListCheckpoint, max_age: timedelta | None
    ) -> SourceReport | None:
        as_of, age = checkpoint.synced_at, max_age
        if age is None:
            age = timedelta(seconds=self._freshness.list)
            if self._watched:
                as_of, age = checkpoint.as_of, max(age, timedelta(seconds=2 * provider.settings.poll_interval))
        if as_of is not None and self._clock.now() - as_of < age:
            return SourceReport(provider.name, SourceOutcome.FRESH, as_of, unreadable=checkpoint.unreadable)
        return None

    async def _report(self, provider: ConnectedProvider, max_age: timedelta | None) -> SourceReport:
        """The report of a list after its walk, or of the timeout of that."""
        if max_age is None or max_age > timedelta():
            checkpoint = await self._checkpoints.read(provider.name)
            if (fresh := self._fresh_report(provider, checkpoint, max_age)) is not None:
                return fresh
        walk = self._walk(provider)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._freshness.list_wait):
                await self._waits.do(walk, lambda: asyncio.wait((walk,)))
        if not walk.done():
            late = TimedOut(f"{provider.name} has not answered yet; the list shows what was known.", provider=provider.name)
            return await self._stale_report(provider, SourceOutcome.TIMED_OUT, late)
        try:
            done = walk.result()
            return SourceReport(provider.name, SourceOutcome.FRESH, done.synced_at, unreadable=done.unreadable)
        except SigningError as error:
            return await self._stale_report(provider, outcome_of(error), error)

    async def _stale_report(self, provider: ConnectedProvider, outcome: SourceOutcome, problem: SigningError) -> SourceReport:
        checkpoint = await self._checkpoints.read(provider.name)
        return SourceReport(provider.name, outcome, checkpoint.as_of, problem, checkpoint.unreadable)

    def _walk(self, provider: ConnectedProvider) -> asyncio.Task[ListCheckpoint]:
        """The walk through this provider's list that is under way; it goes on when a client stops waiting."""
        walk = self._running.get(provider.name)
        if walk is None or walk.done():
            # A context of its own: the deadline of the client that asks first is not that of the walk.
            walk = asyncio.create_task(self.walks.refresh(provider), name=f"walk of {provider.name}", context=Context())
            walk.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._running[provider.name] = walk
        return walk
