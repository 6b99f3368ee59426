"""Keeps what is known of each provider's list fresh, and says how fresh it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.directory import Connected
from gateway.settings import FreshnessSettings
from gateway.store import Store, Sync
from providers.adapter import Operation
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


class Listing:
    """Reads providers' lists into the store; one walk per provider at a time, however many ask."""

    def __init__(self, store: Store, freshness: FreshnessSettings, clock: Clock, *, observe: Observe, fetch: Fetch) -> None:
        self._store = store
        self._freshness = freshness
        self._clock = clock
        self._observe = observe
        self._fetch = fetch
        self._walks: dict[str, asyncio.Task[None]] = {}

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
        if sync and sync.synced_at + age > self._clock.now():
            return SourceReport(provider.name, SourceOutcome.FRESH, as_of)
        try:
            async with asyncio.timeout(self._freshness.list_wait):
                await asyncio.shield(self._walking(provider, sync))
        except TimeoutError:
            late = TimedOut(f"{provider.name} has not answered yet; the list shows what was known.", provider=provider.name)
            return SourceReport(provider.name, SourceOutcome.TIMED_OUT, as_of, late)
        except SigningError as error:
            return SourceReport(provider.name, _outcome(error), as_of, error)
        return SourceReport(provider.name, SourceOutcome.FRESH, self._clock.now())

    def _walking(self, provider: Connected, sync: Sync | None) -> asyncio.Task[None]:
        """The walk through this provider's list that is under way; it goes on when an asker stops waiting."""
        walk = self._walks.get(provider.name)
        if walk is None or walk.done():
            walk = asyncio.create_task(self._walk(provider, sync), name=f"walk of {provider.name}")
            walk.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._walks[provider.name] = walk
        return walk

    async def _walk(self, provider: Connected, sync: Sync | None) -> None:
        """Reads a list until nothing in it is new and everything that can still change was seen."""
        begun = self._clock.now()
        unseen = dict(await self._store.sessions.unfinished_rows(provider.name))
        try:
            with deadline(self._clock, _WALK_SECONDS):
                if provider.can(Operation.LIST_SESSIONS):
                    await self._pages(provider, unseen, complete=sync is not None and sync.complete)
                await self._alone(provider, list(dict.fromkeys(unseen.values()))[:_ALONE])
        except ExceptionGroup as group:
            if failures := expected(group):
                raise failures[0] from group
            raise
        await self._store.sessions.save_sync(provider.name, Sync(begun, complete=True))

    async def _pages(self, provider: Connected, unseen: dict[str, str], *, complete: bool) -> None:
        """Takes page after page. Where rows have left the list meanwhile, those behind have moved up: steps back as far."""
        offset, total = 0, None
        while True:
            page = await provider.adapter.list_sessions(offset, _PAGE)
            if total is not None and page.total is not None and page.total < total and offset > 0:
                offset, total = max(0, offset - (total - page.total)), page.total
                continue
            total = page.total
            changed = await self._take(provider, page.sessions)
            for row in page.sessions:
                unseen.pop(row.key, None)
            if page.next_offset is None or (complete and not changed and not unseen):
                return
            offset = page.next_offset

    async def _take(self, provider: Connected, rows: Sequence[Session]) -> bool:
        """Observes the rows that are new or have changed; says whether there were any."""
        digests = {row.key: hashlib.blake2b(row.native, digest_size=16).digest() for row in rows}
        known = await self._store.sessions.listed(provider.name, digests)
        changed = [row for row in rows if row.key not in known or known[row.key].digest != digests[row.key]]
        async with asyncio.TaskGroup() as group:
            for row in changed:
                digest = {row.key: digests[row.key]}
                if row.partial and row.key in known:
                    ref = SessionRef(provider.name, known[row.key].session_key)
                    group.create_task(self._reread(ref, digest))
                else:
                    group.create_task(self._observed(row, digest))
        return bool(changed)

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
