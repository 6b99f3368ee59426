"""Keeps what is known of each provider's list fresh, and says how fresh it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.directory import Connected
from gateway.settings import FreshnessSettings
from gateway.store import ListedRow, Store, Sync
from providers.capability import Operation
from providers.clock import Clock
from providers.deadline import deadline
from providers.errors import AuthorizationRequired, Busy, Forbidden, NotFound, SigningError, TimedOut, expected
from providers.model import ChangeSource, Session, SessionRef

_PAGE = 100
_WALK_SECONDS = 120.0
_ALONE = 50

Observe = Callable[[Session, ChangeSource, Mapping[str, bytes]], Awaitable[Session]]
Fetch = Callable[[SessionRef, ChangeSource, Mapping[str, bytes]], Awaitable[Session]]


class SourceOutcome(StrEnum):
    """How a provider answered when a list was asked for."""

    FRESH = "FRESH"
    STALE = "STALE"
    UNAVAILABLE = "UNAVAILABLE"
    TIMED_OUT = "TIMED_OUT"
    UNAUTHORIZED = "UNAUTHORIZED"


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How fresh one provider's part of a list is, and why it is not fresher."""

    provider: str
    outcome: SourceOutcome
    as_of: datetime | None = None
    problem: SigningError | None = None


@dataclass(frozen=True, slots=True)
class _News:
    """A row of a list that has changed since it was last seen as ``known``."""

    row: Session
    digest: bytes
    known: ListedRow | None


class Listing:
    """Reads providers' lists into the store; one walk per provider at a time, however many ask."""

    def __init__(self, store: Store, freshness: FreshnessSettings, clock: Clock, *, observe: Observe, fetch: Fetch) -> None:
        self._store = store
        self._freshness = freshness
        self._clock = clock
        self._observe = observe
        self._fetch = fetch
        self._walks: dict[str, asyncio.Task[datetime]] = {}

    async def close(self) -> None:
        """Ends the walks that are under way."""
        walks = list(self._walks.values())
        for walk in walks:
            walk.cancel()
        await asyncio.gather(*walks, return_exceptions=True)

    async def refresh(self, providers: Iterable[Connected], max_age: timedelta | None) -> list[SourceReport]:
        """Asks every provider whose list is older than ``max_age``, side by side, and waits so long as is configured."""
        age = timedelta(seconds=self._freshness.list) if max_age is None else max_age
        return list(await asyncio.gather(*(self._report(provider, age) for provider in providers)))

    async def _report(self, provider: Connected, age: timedelta) -> SourceReport:
        sync = await self._store.sessions.sync(provider.name)
        as_of = sync.synced_at if sync else None
        if sync and self._clock.now() - sync.synced_at < age:
            return SourceReport(provider.name, SourceOutcome.FRESH, as_of)
        try:
            async with asyncio.timeout(self._freshness.list_wait):
                as_of = await asyncio.shield(self._walking(provider, sync))
        except TimeoutError:
            late = TimedOut(f"{provider.name} has not answered yet; the list shows what was known.", provider=provider.name)
            return SourceReport(provider.name, SourceOutcome.TIMED_OUT, as_of, late)
        except SigningError as error:
            return SourceReport(provider.name, _outcome(error), as_of, error)
        return SourceReport(provider.name, SourceOutcome.FRESH, as_of)

    def _walking(self, provider: Connected, sync: Sync | None) -> asyncio.Task[datetime]:
        """The walk through this provider's list that is under way; it goes on when an asker stops waiting."""
        walk = self._walks.get(provider.name)
        if walk is None or walk.done():
            # A context of its own: the deadline of whoever asks first is not that of the walk.
            walk = asyncio.create_task(self._walk(provider, sync), name=f"walk of {provider.name}", context=Context())
            walk.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._walks[provider.name] = walk
        return walk

    async def _walk(self, provider: Connected, sync: Sync | None) -> datetime:
        """Reads a list until nothing in it is new and everything that can still change was seen; gives when it began."""
        begun = self._clock.now()
        unseen = dict(await self._store.sessions.unfinished_rows(provider.name))
        try:
            with deadline(self._clock, _WALK_SECONDS):
                if provider.can(Operation.LIST_SESSIONS):
                    await self._pages(provider, unseen, sync if sync and sync.complete else None)
                await self._alone(provider, list(dict.fromkeys(unseen.values()))[:_ALONE])
        except ExceptionGroup as group:
            if failures := expected(group):
                raise failures[0] from group
            raise
        await self._store.sessions.save_sync(provider.name, Sync(begun, complete=True))
        return begun

    async def _pages(self, provider: Connected, unseen: dict[str, str], complete: Sync | None) -> None:
        """Takes page after page. Where rows have left the list meanwhile, those behind have moved up: steps back as far.

        ``complete`` is the last walk if it came to the end: behind a page without news, this one need not go on.
        """
        offset, total = 0, None
        while True:
            page = await provider.adapter.list_sessions(offset, _PAGE)
            if total is not None and page.total is not None and page.total < total and offset > 0:
                offset, total = max(0, offset - (total - page.total)), page.total
                continue
            total = page.total
            news = await self._news(provider, page.sessions)
            if complete and news and page.next_offset is not None:
                # Until this walk ends, there may be more news behind: a walk after one that was cut off has to look there.
                await self._store.sessions.save_sync(provider.name, replace(complete, complete=False))
            await self._take(provider, news)
            for row in page.sessions:
                unseen.pop(row.key, None)
            if page.next_offset is None or (complete and not news and not unseen):
                return
            offset = page.next_offset

    async def _news(self, provider: Connected, rows: Sequence[Session]) -> list[_News]:
        """The rows that are new or have changed."""
        digests = {row.key: hashlib.blake2b(row.native, digest_size=16).digest() for row in rows}
        known = await self._store.sessions.listed(provider.name, digests)
        seen = [_News(row, digests[row.key], known.get(row.key)) for row in rows]
        return [each for each in seen if each.known is None or each.known.digest != each.digest]

    async def _take(self, provider: Connected, news: Iterable[_News]) -> None:
        """Observes rows. A known session is read itself where its row does not tell all of it, once for all its rows."""
        reread: dict[SessionRef, dict[str, bytes]] = defaultdict(dict)
        async with asyncio.TaskGroup() as group:
            for each in news:
                if each.known and (each.row.partial or each.known.session_key != each.row.key):
                    reread[SessionRef(provider.name, each.known.session_key)][each.row.key] = each.digest
                else:
                    group.create_task(self._observed(each.row, {each.row.key: each.digest}))
            for ref, digests in reread.items():
                group.create_task(self._reread(ref, digests))

    async def _alone(self, provider: Connected, keys: Sequence[str]) -> None:
        """Reads sessions that no list has shown, one by one."""
        async with asyncio.TaskGroup() as group:
            for key in keys:
                group.create_task(self._reread(SessionRef(provider.name, key), {}))

    async def _reread(self, ref: SessionRef, digests: Mapping[str, bytes]) -> None:
        try:
            await self._fetch(ref, ChangeSource.POLL, digests)
        except NotFound:
            return

    async def _observed(self, row: Session, digests: Mapping[str, bytes]) -> None:
        await self._observe(row, ChangeSource.POLL, digests)


def _outcome(error: SigningError) -> SourceOutcome:
    match error:
        case AuthorizationRequired() | Forbidden():
            return SourceOutcome.UNAUTHORIZED
        case SigningError(status=403):
            return SourceOutcome.UNAUTHORIZED
        case TimedOut():
            return SourceOutcome.TIMED_OUT
        case Busy():
            return SourceOutcome.STALE
        case _:
            return SourceOutcome.UNAVAILABLE
