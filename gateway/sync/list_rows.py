"""List rows: reads a provider's list page by page, finds the rows that have changed by their digests, and observes those."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from gateway.directory import ConnectedProvider
from gateway.store import Store, StoredListRow
from gateway.sync.inflight_saga_filter import InflightSagaFilter
from gateway.sync.list_freshness import UnreadableRows
from gateway.sync.schedule import Schedule
from providers.capability import Operation
from providers.clock import Clock
from providers.decoding.integrity import MAX_KEY
from providers.errors import Conflict, Misbehaved, NotFound, Refused, SigningError, WrongState
from providers.http.deadline import deadline
from providers.model import ChangeSource, ListRow, Page, Session, SessionRef, UnreadableRow

_PAGE_SIZE = 100
_MAX_NAMED_KEY = 100
_MAX_REPEATS = 16
"""Pages in a row that were read before end a walk; one of them may have moved down, as the list has grown."""
_MAX_STEPS_BACK = 100
"""A total that goes up and down must not keep a walk going for ever."""
WALK_SECONDS = 120.0
"""Deadline of a walk, and of each session that is read for it."""

Fetch = Callable[[SessionRef, ChangeSource, Mapping[str, bytes]], Awaitable[Session]]


class Observe(Protocol):
    """The one door for change."""

    async def __call__(
        self, seen: Session, source: ChangeSource, digests: Mapping[str, bytes], *, begun_at: datetime
    ) -> Session:
        """Stores a session that was seen by a read which had begun then."""
        ...


async def _no_wait() -> None:
    return


@dataclass(frozen=True, slots=True)
class Pacing:
    """Pace of a walk: ``wait`` is awaited before each page, ``concurrent`` bounds the reads of single sessions."""

    wait: Callable[[], Awaitable[None]] = _no_wait
    concurrent: int = 16


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that is new, or has another digest than the ``stored`` one."""

    row: ListRow
    digest: bytes
    stored: StoredListRow | None


class _ListPosition:
    """Offset of a walk through a list that may shrink, repeat pages or ignore offsets meanwhile."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self._total: int | None = None
        self._steps_back = 0
        self._read: set[int] = set()
        self._repeats = 0

    def step_back(self, page: Page) -> bool:
        """Moves back where rows have left the list since the last page, as those behind have moved up; whether it did."""
        last_total, self._total = self._total, page.total
        if last_total is None or page.total is None or page.total >= last_total:
            return False
        if self.offset == 0 or self._steps_back == _MAX_STEPS_BACK:
            return False
        self.offset = max(0, self.offset - (last_total - page.total))
        self._steps_back += 1
        self._read.clear()
        return True

    def advance(self, page: Page) -> bool:
        """Moves behind a page; False at the end of the list, and where it begins anew behind its end."""
        content = hash((tuple(row.key for row in page.rows), page.unreadable))
        self._repeats = self._repeats + 1 if content in self._read else 0
        self._read.add(content)
        if page.next_offset is None or page.next_offset <= self.offset or self._repeats == _MAX_REPEATS:
            return False
        self.offset = page.next_offset
        return True


class ListRows:
    """Reads the rows of providers' lists, and in full the sessions whose rows do not show all of them."""

    def __init__(self, store: Store, schedule: Schedule, clock: Clock, *, observe: Observe, fetch: Fetch) -> None:
        self._store = store
        self._schedule = schedule
        self._clock = clock
        self._checked: dict[str, tuple[Page, Page]] = {}
        self._observe = observe
        self._fetch = fetch
        self._saga_filter = InflightSagaFilter(store.sagas, clock)
        self._held_back: set[str] = set()

    def holds_back(self, provider: str) -> bool:
        """Whether the last page had rows that were held back, as a running saga may have created them."""
        return provider in self._held_back

    async def page(self, provider: ConnectedProvider, offset: int) -> Page:
        """Reads one page of a provider's list."""
        with deadline(self._clock, WALK_SECONDS):
            return self._without_invalid_keys(provider, await provider.adapter.list_sessions(offset, _PAGE_SIZE))

    async def pages(
        self, provider: ConnectedProvider, pacing: Pacing, offset: int = 0, first: tuple[Page, datetime] | None = None
    ) -> AsyncGenerator[tuple[Page, datetime], None]:
        """Reads page after page, each with the time of its request; the ``first`` may have been read already."""
        position = _ListPosition(offset)
        while True:
            if first is None:
                await pacing.wait()
                asked_at = self._clock.now()
                page = await self.page(provider, position.offset)
            else:
                (page, asked_at), first = first, None
            if position.step_back(page):
                continue
            yield page, asked_at
            if not position.advance(page):
                return

    async def changed(self, provider: ConnectedProvider, rows: Sequence[ListRow]) -> list[ChangedRow]:
        """The rows that are new or have changed, but for those that are held back."""
        digests = {row.key: hashlib.blake2b(row.native, digest_size=16).digest() for row in rows}
        stored = await self._store.sessions.list_rows(provider.name, digests)
        candidates = [ChangedRow(row, digests[row.key], stored.get(row.key)) for row in rows]
        unknown = frozenset(digests.keys() - stored.keys())
        accepted = await self._saga_filter.accepted(provider.name, unknown)
        if accepted == unknown:
            self._held_back.discard(provider.name)
        else:
            self._held_back.add(provider.name)
        return [each for each in candidates if _is_changed(each, accepted)]

    async def observe(
        self,
        provider: ConnectedProvider,
        changed: Iterable[ChangedRow],
        asked_at: datetime,
        pacing: Pacing,
        unreadable: UnreadableRows,
    ) -> None:
        """Observes changed rows. A stored session whose row does not show all of it is read in full, once for all its rows.

        A session that cannot be read is recorded; all are tried before a failure is raised that concerns more than one.
        """
        slots = asyncio.Semaphore(pacing.concurrent)
        to_read: dict[SessionRef, dict[str, bytes]] = defaultdict(dict)
        jobs: list[Coroutine[None, None, object]] = []
        for each in changed:
            try:
                session = provider.adapter.read_row(each.row)
            except SigningError as error:
                unreadable.record_failure(each.row.key, error)
                continue
            if each.stored and (session.partial or each.stored.session_key != session.key):
                to_read[SessionRef(provider.name, each.stored.session_key)][session.key] = each.digest
            else:
                jobs.append(self._observe_row(session, {session.key: each.digest}, asked_at, slots, unreadable))
        jobs += [self._read_in_full(ref, digests, slots, unreadable) for ref, digests in to_read.items()]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        if failures := [each for each in results if isinstance(each, BaseException) and not concerns_one_session(each)]:
            raise BaseExceptionGroup("not every row could be taken", failures)

    async def read_unlisted(self, provider: ConnectedProvider, keys: Sequence[str], unreadable: UnreadableRows) -> None:
        """Reads sessions that no list has shown, one by one.

        Where the provider has no list, and none of them can be read, that is the provider's failure.
        """
        slots, begun = asyncio.Semaphore(Pacing().concurrent), self._clock.now()
        async with asyncio.TaskGroup() as group:
            refs = (SessionRef(provider.name, key) for key in keys)
            reads = [group.create_task(self._read_in_full(ref, {}, slots, unreadable)) for ref in refs]
        failures = [error for read in reads if (error := read.result()) is not None]
        if failures and len(failures) == len(keys) and not provider.can(Operation.LIST_SESSIONS):
            raise failures[0]
        await self._schedule.record_polls(provider.name, dict.fromkeys(keys, begun))

    def _without_invalid_keys(self, provider: ConnectedProvider, page: Page) -> Page:
        """The page without rows whose key is invalid: they are unreadable, as a session cannot be read by such a key.

        An adapter gives the same page for the same response, which is then not checked again.
        """
        last, checked = self._checked.get(provider.name, (None, page))
        if last is page:
            return checked
        is_valid_key = provider.adapter.is_valid_key
        invalid = [row for row in page.rows if not (_is_storable(row.key) and is_valid_key(row.key))]
        checked = page
        if invalid:
            reason = "Its key is none that this provider can have."
            named = (UnreadableRow(repr(row.key[:_MAX_NAMED_KEY])[1:-1], reason) for row in invalid)
            rows = tuple(row for row in page.rows if row not in invalid)
            checked = replace(page, rows=rows, unreadable=(*page.unreadable, *named))
        self._checked[provider.name] = page, checked
        return checked

    async def _read_in_full(
        self, ref: SessionRef, digests: Mapping[str, bytes], slots: asyncio.Semaphore, unreadable: UnreadableRows
    ) -> SigningError | None:
        """Reads a session at its provider; gives the failure, if it concerns this session alone, and raises any other."""
        try:
            with suppress(NotFound), deadline(self._clock, WALK_SECONDS):
                async with slots:
                    await self._fetch(ref, ChangeSource.POLL, digests)
        except SigningError as error:
            if not concerns_one_session(error):
                raise
            unreadable.record_failure(ref.key, error)
            return error
        unreadable.record_readable(ref.key)
        return None

    async def _observe_row(
        self,
        session: Session,
        digests: Mapping[str, bytes],
        asked_at: datetime,
        slots: asyncio.Semaphore,
        unreadable: UnreadableRows,
    ) -> None:
        async with slots:
            try:
                await self._observe(session, ChangeSource.POLL, digests, begun_at=asked_at)
            except Misbehaved as error:
                unreadable.record_failure(session.key, error)


def _is_changed(candidate: ChangedRow, accepted: frozenset[str]) -> bool:
    if candidate.stored is None:
        return candidate.row.key in accepted
    return candidate.stored.digest != candidate.digest


def _is_storable(key: str) -> bool:
    return key.isprintable() and len(key) <= MAX_KEY and len(key.encode()) <= MAX_KEY


def concerns_one_session(error: BaseException) -> bool:
    """Whether a failure says nothing about the provider's other sessions."""
    return isinstance(error, Refused | Misbehaved | WrongState | Conflict | NotFound)
