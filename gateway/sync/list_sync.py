"""Keeps what is known of each provider's list fresh, and says how fresh it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextlib import aclosing, suppress
from contextvars import Context
from datetime import datetime, timedelta

from gateway.cache.single_flight import SingleFlight
from gateway.config import FreshnessSettings
from gateway.directory import Connected
from gateway.store import ListCheckpoint, Store
from gateway.store.list_query.due_sort_key import NEVER
from gateway.sync.list_fingerprint import Quiet
from gateway.sync.list_freshness import SourceOutcome, SourceReport, outcome
from gateway.sync.list_rows import WALK_SECONDS, Fetch, Manner, Observe, Rows
from gateway.sync.schedule import Schedule
from gateway.sync.unreadable_rows import UnreadableRows
from gateway.task import end
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import SigningError, TimedOut, expected_errors
from providers.http.deadline import deadline
from providers.model import Page, UnreadableRow

_ALONE = 50
_DUE = 1_000
_SYNC_SECONDS = 0.25
"""How long what the store says of how far a list was read is taken for what it still says."""
_WRITTEN = timedelta(seconds=1)
"""How often it is written at most that a list is as it was."""
_WORTH_A_PAGE = 10
"""So many sessions of which none is on a page are worth reading that page for, rather than reading them by themselves."""


_log = logging.getLogger("countersign.listing")


class Listing:
    """Reads providers' lists into the store; one walk per provider at a time, however many ask.

    A walk ends at a page without news once it has seen what it was made for, as lists have the newest first. What such
    a page hides from it is found by a sweep, from end to end. Neither finds what no list shows, and nobody has named.
    """

    def __init__(
        self,
        store: Store,
        schedule: Schedule,
        freshness: FreshnessSettings,
        clock: Clock,
        *,
        observe: Observe,
        fetch: Fetch,
        mark: Callable[[], Hashable],
        look: Callable[[float], Awaitable[None]],
        watched: bool,
    ) -> None:
        """``watched`` says that providers are asked for changes by themselves.

        ``mark`` says what was written to the store, as far as ``look`` has found out at an instant or after it.
        """
        self._store = store
        self._schedule = schedule
        self._freshness = freshness
        self._clock = clock
        self._look_at_log = look
        self._watched = watched
        self._quiet = Quiet(mark, clock)
        self._written: dict[str, datetime] = {}
        self._rows = Rows(store, schedule, clock, observe=observe, fetch=fetch)
        self._syncs: dict[str, tuple[ListCheckpoint, float]] = {}
        self._sync_reads: SingleFlight[ListCheckpoint] = SingleFlight()
        self._walks: dict[str, asyncio.Task[ListCheckpoint]] = {}
        self._waits: SingleFlight[object] = SingleFlight()

    async def close(self) -> None:
        """Ends the walks that are under way."""
        await end(*self._walks.values())

    async def refresh(self, providers: Iterable[Connected], max_age: timedelta | None) -> list[SourceReport]:
        """Asks every provider whose list is older than ``max_age``, side by side, and waits so long as is configured.

        Where nobody says how old it may be, what the watcher has seen of late is fresh.
        """
        asked = [(provider, self._at_hand(provider, max_age)) for provider in providers]
        late = [self._report(provider, max_age) for provider, found in asked if found is None]
        reports = iter([await each for each in late] if len(late) < 2 else await asyncio.gather(*late))
        return [next(reports) if found is None else found for _, found in asked]

    async def look(self, provider: Connected, manner: Manner) -> list[str]:
        """Reads a list for what is new and what is due; gives those that are due and that it did not tell all of."""
        begun, sync = self._clock.now(), await self._store.checkpoints.get(provider.name)
        due = dict(await self._schedule.due_rows(provider.name, _DUE))
        marked = sync is not None and sync.complete
        barren, unreadable = 0, _unreadable(sync)
        async with aclosing(self._rows.pages(provider, manner)) as pages:
            async for page, asked_at in pages:
                unreadable.turned(page)
                news = await self._rows.news(provider, page.rows)
                if marked and news and page.next_offset is not None:
                    await self._store.checkpoints.mark_incomplete(provider.name)
                await self._rows.take(provider, news, asked_at, manner, unreadable)
                shown = [due.pop(row.key, None) for row in page.rows]
                await self._schedule.listed(provider.name, [row.key for row in page.rows])
                barren = 0 if any(shown) else barren + 1
                if not news and barren * _WORTH_A_PAGE >= len(due):
                    break
        await self._name(provider, sync, unreadable.named(whole=unreadable.ended))
        await self._store.checkpoints.record_look(provider.name, begun, complete=True if marked else None)
        awaiting = await self._schedule.awaiting(provider.name, _ALONE)
        return list(dict.fromkeys([*awaiting, *due.values()]))[:_ALONE]

    async def sweep(self, provider: Connected, manner: Manner) -> None:
        """Reads a list from end to end, or on from where the last sweep was cut off."""
        sync = await self._store.checkpoints.get(provider.name)
        offset = sync.sweep_offset if sync else None
        if offset is None:
            await self._store.checkpoints.begin_sweep(provider.name, anew=not (sync and sync.complete))
        unreadable = _unreadable(sync)
        async with aclosing(self._rows.pages(provider, manner, offset or 0)) as pages:
            async for page, asked_at in pages:
                unreadable.turned(page)
                await self._rows.take(provider, await self._rows.news(provider, page.rows), asked_at, manner, unreadable)
                await self._schedule.listed(provider.name, [row.key for row in page.rows])
                if page.next_offset is not None:
                    await self._store.checkpoints.record_sweep_offset(provider.name, page.next_offset)
        await self._name(provider, sync, unreadable.named(whole=unreadable.ended and not offset))
        await self._store.checkpoints.end_sweep(provider.name, self._clock.now())

    def _at_hand(self, provider: Connected, max_age: timedelta | None) -> SourceReport | None:
        """That a list is fresh, where that is known without a look into the store: it can only be fresher there."""
        sync, read_at = self._syncs.get(provider.name, (None, 0.0))
        if sync is None or self._clock.monotonic() - read_at > _SYNC_SECONDS:
            return None
        return self._fresh(provider, sync, max_age)

    def _fresh(self, provider: Connected, sync: ListCheckpoint, max_age: timedelta | None) -> SourceReport | None:
        as_of, age = sync.synced_at, max_age
        if age is None:
            age = timedelta(seconds=self._freshness.list)
            if self._watched:
                as_of, age = sync.as_of, max(age, timedelta(seconds=2 * provider.settings.poll_interval))
        if as_of is not None and self._clock.now() - as_of < age:
            return SourceReport(provider.name, SourceOutcome.FRESH, as_of, unreadable=sync.unreadable)
        return None

    async def _report(self, provider: Connected, max_age: timedelta | None) -> SourceReport:
        if max_age is None or max_age > timedelta():
            sync = await self._sync(provider)
            if (fresh := self._fresh(provider, sync, max_age)) is not None:
                return fresh
        walk = self._walking(provider)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._freshness.list_wait):
                await self._waits.do(walk, lambda: asyncio.wait((walk,)))
        if not walk.done():
            late = TimedOut(f"{provider.name} has not answered yet; the list shows what was known.", provider=provider.name)
            return await self._unread(provider, SourceOutcome.TIMED_OUT, late)
        try:
            done = walk.result()
            return SourceReport(provider.name, SourceOutcome.FRESH, done.synced_at, unreadable=done.unreadable)
        except SigningError as error:
            return await self._unread(provider, outcome(error), error)

    async def _unread(self, provider: Connected, outcome: SourceOutcome, problem: SigningError) -> SourceReport:
        sync = await self._sync(provider)
        return SourceReport(provider.name, outcome, sync.as_of, problem, sync.unreadable)

    async def _sync(self, provider: Connected) -> ListCheckpoint:
        async def read() -> ListCheckpoint:
            found = await self._store.checkpoints.get(provider.name) or ListCheckpoint()
            self._syncs[provider.name] = (found, self._clock.monotonic())
            return found

        return await self._sync_reads.do(provider.name, read)

    def _walking(self, provider: Connected) -> asyncio.Task[ListCheckpoint]:
        """The walk through this provider's list that is under way; it goes on when an asker stops waiting."""
        walk = self._walks.get(provider.name)
        if walk is None or walk.done():
            # A context of its own: the deadline of whoever asks first is not that of the walk.
            walk = asyncio.create_task(self._walk(provider), name=f"walk of {provider.name}", context=Context())
            walk.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._walks[provider.name] = walk
        return walk

    async def _walk(self, provider: Connected) -> ListCheckpoint:
        """Reads a list until nothing in it is new and everything that can still change was seen; gives how fresh it is now."""
        begun, first = self._clock.now(), None
        if provider.can(Operation.LIST_SESSIONS) and self._quiet.knows(provider.name):
            first = await self._rows.page(provider, 0), begun
            await self._look_at_log(self._clock.monotonic())
            if self._quiet.repeats(provider.name, first[0]):
                return await self._confirmed(provider, begun)
        mark, page = self._quiet.mark(), None
        sync = await self._store.checkpoints.get(provider.name)
        unreadable = _unreadable(sync)
        unseen = dict(await self._store.sessions.unsettled_rows(provider.name))
        try:
            with deadline(self._clock, WALK_SECONDS):
                if provider.can(Operation.LIST_SESSIONS):
                    page = await self._read(provider, unseen, first, unreadable, whole=sync is not None and sync.can_stop_early)
                awaiting = await self._store.polls.due_awaiting_results(provider.name, NEVER, _ALONE)
                alone = list(dict.fromkeys([*awaiting, *unseen.values()]))[:_ALONE]
                await self._rows.alone(provider, alone, unreadable)
        except ExceptionGroup as group:
            if failures := expected_errors(group):
                raise failures[0] from group
            raise
        named = await self._name(provider, sync, unreadable.named(whole=unreadable.ended))
        await self._store.checkpoints.record_walk(provider.name, begun)
        self._quiet.note(provider.name, None if alone else page, mark)
        return ListCheckpoint(synced_at=begun, complete=True, unreadable=named)

    async def _name(
        self, provider: Connected, sync: ListCheckpoint | None, unreadable: tuple[UnreadableRow, ...]
    ) -> tuple[UnreadableRow, ...]:
        """Keeps which rows could not be read, and has the log tell how many once they are others than before."""
        before = sync.unreadable if sync else ()
        if unreadable != before:
            await self._store.checkpoints.record_unreadable(provider.name, unreadable)
            self._syncs.pop(provider.name, None)
            _log.warning("%s: %d rows of its list cannot be read (there were %d)", provider.name, len(unreadable), len(before))
        return unreadable

    async def _confirmed(self, provider: Connected, begun: datetime) -> ListCheckpoint:
        """A list is as it was. That is written for other gateways, but not every time."""
        written, known = self._written.get(provider.name), self._syncs.get(provider.name)
        if written is None or known is None or begun - written >= _WRITTEN:
            await self._store.checkpoints.record_walk(provider.name, begun)
            self._written[provider.name] = begun
            unreadable = (await self._sync(provider)).unreadable
        else:
            unreadable = known[0].unreadable
        sync = ListCheckpoint(synced_at=begun, complete=True, unreadable=unreadable)
        self._syncs[provider.name] = (sync, self._clock.monotonic())
        return sync

    async def _read(
        self,
        provider: Connected,
        unseen: dict[str, str],
        first: tuple[Page, datetime] | None,
        unreadable: UnreadableRows,
        *,
        whole: bool,
    ) -> Page | None:
        """``whole`` says that the last walk came to the end: behind a page without news, this one need not go on.

        ``first`` is the first page where it was read already; given back is that page where it has sufficed.
        """
        manner, sufficient = Manner(), True
        async with aclosing(self._rows.pages(provider, manner, first=first)) as pages:
            async for page, asked_at in pages:
                unreadable.turned(page)
                news = await self._rows.news(provider, page.rows)
                if whole and news and page.next_offset is not None:
                    # Until this walk ends, there may be more news behind: one after a walk that was cut off looks there.
                    await self._store.checkpoints.mark_incomplete(provider.name)
                await self._rows.take(provider, news, asked_at, manner, unreadable)
                for row in page.rows:
                    unseen.pop(row.key, None)
                if (whole or page.next_offset is None) and not news and not unseen:
                    return page if sufficient and self._rows.settled(provider.name) else None
                sufficient = False
        return None


def _unreadable(sync: ListCheckpoint | None) -> UnreadableRows:
    return UnreadableRows(sync.unreadable if sync else ())
