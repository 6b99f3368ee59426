"""Keeps what is known of each provider's list fresh, and says how fresh it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gateway.directory import Connected
from gateway.schedule import Schedule
from gateway.settings import FreshnessSettings
from gateway.source import SourceOutcome, SourceReport, outcome
from gateway.store import ListedRow, Store, Sync, table
from gateway.stranger import Strangers
from gateway.task import end
from providers.capability import Operation
from providers.clock import Clock
from providers.deadline import deadline
from providers.errors import Conflict, Misbehaved, NotFound, Refused, SigningError, TimedOut, WrongState, expected
from providers.model import ChangeSource, Listed, Page, Session, SessionRef

_PAGE = 100
_WALK_SECONDS = 120.0
_ALONE = 50
_DUE = 1_000
_SYNC_SECONDS = 0.25
"""How long what the store says of how far a list was read is taken for what it still says."""
_WORTH_A_PAGE = 10
"""So many sessions of which none is on a page are worth reading that page for, rather than reading them by themselves."""

Fetch = Callable[[SessionRef, ChangeSource, Mapping[str, bytes]], Awaitable[Session]]


class Observe(Protocol):
    """The one door for change."""

    async def __call__(
        self, seen: Session, source: ChangeSource, digests: Mapping[str, bytes], *, begun_at: datetime
    ) -> Session:
        """Keeps what was seen by a reading that had begun then."""
        ...


async def _at_once() -> None:
    return


@dataclass(frozen=True, slots=True)
class Manner:
    """How a list is read: ``pace`` is waited for before each call that is planned, ``at_once`` bounds the others.

    What concerns one session alone does not end a ``lenient`` reading.
    """

    pace: Callable[[], Awaitable[None]] = _at_once
    at_once: int = 16
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class _News:
    """A row of a list that has changed since it was last seen as ``known``."""

    row: Listed
    digest: bytes
    known: ListedRow | None


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
        watched: bool,
    ) -> None:
        """``watched`` says that providers are asked for changes by themselves."""
        self._store = store
        self._schedule = schedule
        self._freshness = freshness
        self._clock = clock
        self._observe = observe
        self._fetch = fetch
        self._watched = watched
        self._strangers = Strangers(store.sagas, clock)
        self._syncs: dict[str, tuple[Sync, float]] = {}
        self._walks: dict[str, asyncio.Task[datetime]] = {}

    async def close(self) -> None:
        """Ends the walks that are under way."""
        await end(*self._walks.values())

    async def refresh(self, providers: Iterable[Connected], max_age: timedelta | None) -> list[SourceReport]:
        """Asks every provider whose list is older than ``max_age``, side by side, and waits so long as is configured.

        Where nobody says how old it may be, what the watcher has seen of late is fresh.
        """
        asked = [(provider, self._at_hand(provider, max_age)) for provider in providers]
        late = [self._report(provider, max_age) for provider, found in asked if found is None]
        reports = iter(await asyncio.gather(*late) if late else ())
        return [next(reports) if found is None else found for _, found in asked]

    async def look(self, provider: Connected, manner: Manner) -> list[str]:
        """Reads a list for what is new and what is due; gives those that are due and that it did not tell all of."""
        begun, sync = self._clock.now(), await self._store.syncs.get(provider.name)
        due = dict(await self._schedule.due_rows(provider.name, _DUE))
        marked = sync is not None and sync.complete
        barren = 0
        async with aclosing(self._pages(provider, manner)) as pages:
            async for page, asked_at in pages:
                news = await self._news(provider, page.rows)
                if marked and news and page.next_offset is not None:
                    await self._store.syncs.news(provider.name)
                await self._take(provider, news, asked_at, manner)
                shown = [due.pop(row.key, None) for row in page.rows]
                await self._schedule.listed(provider.name, [row.key for row in page.rows])
                barren = 0 if any(shown) else barren + 1
                if not news and barren * _WORTH_A_PAGE >= len(due):
                    break
        await self._store.syncs.looked(provider.name, begun, complete=True if marked else None)
        awaiting = await self._schedule.awaiting(provider.name, _ALONE)
        return list(dict.fromkeys([*awaiting, *due.values()]))[:_ALONE]

    async def sweep(self, provider: Connected, manner: Manner) -> None:
        """Reads a list from end to end, or on from where the last sweep was cut off."""
        sync = await self._store.syncs.get(provider.name)
        offset = sync.sweep if sync else None
        if offset is None:
            await self._store.syncs.sweep(provider.name, anew=not (sync and sync.complete))
        async with aclosing(self._pages(provider, manner, offset or 0)) as pages:
            async for page, asked_at in pages:
                await self._take(provider, await self._news(provider, page.rows), asked_at, manner)
                await self._schedule.listed(provider.name, [row.key for row in page.rows])
                if page.next_offset is not None:
                    await self._store.syncs.reached(provider.name, page.next_offset)
        await self._store.syncs.swept(provider.name, self._clock.now())

    def _at_hand(self, provider: Connected, max_age: timedelta | None) -> SourceReport | None:
        """That a list is fresh, where that is known without a look into the store: it can only be fresher there."""
        sync, read_at = self._syncs.get(provider.name, (None, 0.0))
        if sync is None or self._clock.monotonic() - read_at > _SYNC_SECONDS:
            return None
        return self._fresh(provider, sync, max_age)

    def _fresh(self, provider: Connected, sync: Sync, max_age: timedelta | None) -> SourceReport | None:
        as_of, age = sync.synced_at, max_age
        if age is None:
            age = timedelta(seconds=self._freshness.list)
            if self._watched:
                as_of, age = sync.as_of, max(age, timedelta(seconds=2 * provider.settings.poll_interval))
        if as_of is not None and self._clock.now() - as_of < age:
            return SourceReport(provider.name, SourceOutcome.FRESH, as_of)
        return None

    async def _report(self, provider: Connected, max_age: timedelta | None) -> SourceReport:
        if max_age is None or max_age > timedelta():
            sync = await self._sync(provider)
            if (fresh := self._fresh(provider, sync, max_age)) is not None:
                return fresh
        try:
            async with asyncio.timeout(self._freshness.list_wait):
                as_of = await asyncio.shield(self._walking(provider))
        except TimeoutError:
            late = TimedOut(f"{provider.name} has not answered yet; the list shows what was known.", provider=provider.name)
            return await self._unread(provider, SourceOutcome.TIMED_OUT, late)
        except SigningError as error:
            return await self._unread(provider, outcome(error), error)
        return SourceReport(provider.name, SourceOutcome.FRESH, as_of)

    async def _unread(self, provider: Connected, outcome: SourceOutcome, problem: SigningError) -> SourceReport:
        return SourceReport(provider.name, outcome, (await self._sync(provider)).as_of, problem)

    async def _sync(self, provider: Connected) -> Sync:
        found = await self._store.syncs.get(provider.name) or Sync()
        self._syncs[provider.name] = (found, self._clock.monotonic())
        return found

    def _walking(self, provider: Connected) -> asyncio.Task[datetime]:
        """The walk through this provider's list that is under way; it goes on when an asker stops waiting."""
        walk = self._walks.get(provider.name)
        if walk is None or walk.done():
            # A context of its own: the deadline of whoever asks first is not that of the walk.
            walk = asyncio.create_task(self._walk(provider), name=f"walk of {provider.name}", context=Context())
            walk.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._walks[provider.name] = walk
        return walk

    async def _walk(self, provider: Connected) -> datetime:
        """Reads a list until nothing in it is new and everything that can still change was seen; gives when it began."""
        begun, sync = self._clock.now(), await self._store.syncs.get(provider.name)
        unseen = dict(await self._store.sessions.unfinished_rows(provider.name))
        try:
            with deadline(self._clock, _WALK_SECONDS):
                if provider.can(Operation.LIST_SESSIONS):
                    await self._read(provider, unseen, whole=sync is not None and sync.whole)
                awaiting = await self._store.polls.awaiting(provider.name, table.FAR_FUTURE, _ALONE)
                await self._alone(provider, list(dict.fromkeys([*awaiting, *unseen.values()]))[:_ALONE])
        except ExceptionGroup as group:
            if failures := expected(group):
                raise failures[0] from group
            raise
        await self._store.syncs.walked(provider.name, begun)
        return begun

    async def _read(self, provider: Connected, unseen: dict[str, str], *, whole: bool) -> None:
        """``whole`` says that the last walk came to the end: behind a page without news, this one need not go on."""
        manner = Manner()
        async with aclosing(self._pages(provider, manner)) as pages:
            async for page, asked_at in pages:
                news = await self._news(provider, page.rows)
                if whole and news and page.next_offset is not None:
                    # Until this walk ends, there may be more news behind: one after a walk that was cut off looks there.
                    await self._store.syncs.news(provider.name)
                await self._take(provider, news, asked_at, manner)
                for row in page.rows:
                    unseen.pop(row.key, None)
                if whole and not news and not unseen:
                    return

    async def _pages(self, provider: Connected, manner: Manner, offset: int = 0) -> AsyncGenerator[tuple[Page, datetime], None]:
        """Page after page, and when each was asked for.

        Where rows have left the list meanwhile, those behind have moved up: steps back as far.
        """
        total = None
        while True:
            await manner.pace()
            asked_at = self._clock.now()
            with deadline(self._clock, _WALK_SECONDS):
                page = await provider.adapter.list_sessions(offset, _PAGE)
            if total is not None and page.total is not None and page.total < total and offset > 0:
                offset, total = max(0, offset - (total - page.total)), page.total
                continue
            total = page.total
            yield page, asked_at
            if page.next_offset is None:
                return
            offset = page.next_offset

    async def _news(self, provider: Connected, rows: Sequence[Listed]) -> list[_News]:
        """The rows that are new or have changed, but for what may be our own doing and is not known as that yet."""
        digests = {row.key: hashlib.blake2b(row.native, digest_size=16).digest() for row in rows}
        known = await self._store.sessions.listed(provider.name, digests)
        seen = [_News(row, digests[row.key], known.get(row.key)) for row in rows]
        strange = await self._strangers.accepted(provider.name, frozenset(digests.keys() - known.keys()))
        return [each for each in seen if (each.known.digest != each.digest if each.known else each.row.key in strange)]

    async def _take(self, provider: Connected, news: Iterable[_News], asked_at: datetime, manner: Manner) -> None:
        """Observes rows. A known session is read itself where its row does not tell all of it, once for all its rows.

        All are tried before one that failed is told of.
        """
        turn = asyncio.Semaphore(manner.at_once)
        reread: dict[SessionRef, dict[str, bytes]] = defaultdict(dict)
        jobs: list[Coroutine[None, None, None]] = []
        for each in news:
            row = each.row.read()
            if each.known and (row.partial or each.known.session_key != row.key):
                reread[SessionRef(provider.name, each.known.session_key)][row.key] = each.digest
            else:
                jobs.append(self._observed(row, {row.key: each.digest}, asked_at, turn))
        jobs += [self._reread(ref, digests, turn) for ref, digests in reread.items()]
        failures = [each for each in await asyncio.gather(*jobs, return_exceptions=True) if each is not None]
        if manner.lenient:
            failures = [each for each in failures if not concerns_one_session(each)]
        if failures:
            raise BaseExceptionGroup("not every row could be taken", failures)

    async def _alone(self, provider: Connected, keys: Sequence[str]) -> None:
        """Reads sessions that no list has shown, one by one."""
        turn, begun = asyncio.Semaphore(Manner().at_once), self._clock.now()
        async with asyncio.TaskGroup() as group:
            for key in keys:
                group.create_task(self._reread(SessionRef(provider.name, key), {}, turn))
        await self._schedule.looked(provider.name, dict.fromkeys(keys, begun))

    async def _reread(self, ref: SessionRef, digests: Mapping[str, bytes], turn: asyncio.Semaphore) -> None:
        with suppress(NotFound), deadline(self._clock, _WALK_SECONDS):
            async with turn:
                await self._fetch(ref, ChangeSource.POLL, digests)

    async def _observed(self, row: Session, digests: Mapping[str, bytes], asked_at: datetime, turn: asyncio.Semaphore) -> None:
        async with turn:
            await self._observe(row, ChangeSource.POLL, digests, begun_at=asked_at)


def concerns_one_session(error: BaseException) -> bool:
    """Whether a failure says nothing about the provider's other sessions."""
    return isinstance(error, Refused | Misbehaved | WrongState | Conflict | NotFound)
