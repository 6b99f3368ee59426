"""Rows of providers' lists: read page after page, compared with what is known, and observed."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from gateway.directory import Connected
from gateway.store import Store, StoredListRow
from gateway.sync.inflight_saga_filter import Strangers
from gateway.sync.schedule import Schedule
from gateway.sync.unreadable_rows import UnreadableRows
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import Conflict, Misbehaved, NotFound, Refused, SigningError, WrongState
from providers.http.deadline import deadline
from providers.model import ChangeSource, ListRow, Page, Session, SessionRef, UnreadableRow

_PAGE = 100
_LONGEST_KEY = 2_000
"""Bytes of a session's key: an index row of PostgreSQL has 2,704, and what is kept of a session is found by its key."""
_SHOWN = 100
_MOST_REPEATED = 16
"""So many pages in a row that came before end a walk; one of them may have moved down, as the list has grown."""
_MOST_STEPS = 100
"""So often a walk steps back: a total that goes up and down must not keep it for ever."""
WALK_SECONDS = 120.0
"""How long a walk may take, and each reading that belongs to one."""

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
    """How a list is read: ``pace`` is waited for before each call that is planned, ``at_once`` bounds the others."""

    pace: Callable[[], Awaitable[None]] = _at_once
    at_once: int = 16


@dataclass(frozen=True, slots=True)
class News:
    """A row of a list that has changed since it was last seen as ``known``."""

    row: ListRow
    digest: bytes
    known: StoredListRow | None


class Rows:
    """Reads what providers' lists tell, and what they do not tell of a session that they name."""

    def __init__(self, store: Store, schedule: Schedule, clock: Clock, *, observe: Observe, fetch: Fetch) -> None:
        self._store = store
        self._schedule = schedule
        self._clock = clock
        self._checked: dict[str, tuple[Page, Page]] = {}
        self._observe = observe
        self._fetch = fetch
        self._strangers = Strangers(store.sagas, clock)
        self._held: set[str] = set()

    def settled(self, provider: str) -> bool:
        """Whether no row was held back last, which may be our own doing."""
        return provider not in self._held

    async def page(self, provider: Connected, offset: int) -> Page:
        """A page of a provider's list."""
        with deadline(self._clock, WALK_SECONDS):
            return self._with_keys(provider, await provider.adapter.list_sessions(offset, _PAGE))

    async def pages(
        self, provider: Connected, manner: Manner, offset: int = 0, first: tuple[Page, datetime] | None = None
    ) -> AsyncGenerator[tuple[Page, datetime], None]:
        """Page after page, and when each was asked for; the ``first`` may have been asked for already.

        Where rows have left the list meanwhile, those behind have moved up: steps back as far. Pages that came before end
        the walk, as there are lists that begin anew behind their end, or know no offset.
        """
        total, steps, repeated = None, 0, 0
        turned: set[int] = set()
        while True:
            if first is None:
                await manner.pace()
                asked_at = self._clock.now()
                page = await self.page(provider, offset)
            else:
                (page, asked_at), first = first, None
            if total is not None and page.total is not None and page.total < total and offset > 0 and steps < _MOST_STEPS:
                offset, total, steps = max(0, offset - (total - page.total)), page.total, steps + 1
                turned.clear()
                continue
            total = page.total
            mark = hash((tuple(row.key for row in page.rows), page.unreadable))
            repeated = repeated + 1 if mark in turned else 0
            turned.add(mark)
            yield page, asked_at
            if page.next_offset is None or page.next_offset <= offset or repeated == _MOST_REPEATED:
                return
            offset = page.next_offset

    async def news(self, provider: Connected, rows: Sequence[ListRow]) -> list[News]:
        """The rows that are new or have changed, but for what may be our own doing and is not known as that yet."""
        digests = {row.key: hashlib.blake2b(row.native, digest_size=16).digest() for row in rows}
        known = await self._store.sessions.list_rows(provider.name, digests)
        seen = [News(row, digests[row.key], known.get(row.key)) for row in rows]
        strangers = frozenset(digests.keys() - known.keys())
        strange = await self._strangers.accepted(provider.name, strangers)
        (self._held.discard if strange == strangers else self._held.add)(provider.name)
        return [each for each in seen if (each.known.digest != each.digest if each.known else each.row.key in strange)]

    async def take(
        self, provider: Connected, news: Iterable[News], asked_at: datetime, manner: Manner, unreadable: UnreadableRows
    ) -> None:
        """Observes rows. A known session is read itself where its row does not tell all of it, once for all its rows.

        One that cannot be read is noted; all are tried before a failure is told of that concerns more than one.
        """
        turn = asyncio.Semaphore(manner.at_once)
        reread: dict[SessionRef, dict[str, bytes]] = defaultdict(dict)
        jobs: list[Coroutine[None, None, object]] = []
        for each in news:
            try:
                row = provider.adapter.read_row(each.row)
            except SigningError as error:
                unreadable.failed(each.row.key, error)
                continue
            if each.known and (row.partial or each.known.session_key != row.key):
                reread[SessionRef(provider.name, each.known.session_key)][row.key] = each.digest
            else:
                jobs.append(self._observed(row, {row.key: each.digest}, asked_at, turn, unreadable))
        jobs += [self._reread(ref, digests, turn, unreadable) for ref, digests in reread.items()]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        if failures := [each for each in results if isinstance(each, BaseException) and not concerns_one_session(each)]:
            raise BaseExceptionGroup("not every row could be taken", failures)

    async def alone(self, provider: Connected, keys: Sequence[str], unreadable: UnreadableRows) -> None:
        """Reads sessions that no list has shown, one by one.

        Where there is no list, and none of them can be read, that is the provider's failure.
        """
        turn, begun = asyncio.Semaphore(Manner().at_once), self._clock.now()
        async with asyncio.TaskGroup() as group:
            reads = [group.create_task(self._reread(SessionRef(provider.name, key), {}, turn, unreadable)) for key in keys]
        failures = [error for read in reads if (error := read.result()) is not None]
        if failures and len(failures) == len(keys) and not provider.can(Operation.LIST_SESSIONS):
            raise failures[0]
        await self._schedule.looked(provider.name, dict.fromkeys(keys, begun))

    def _with_keys(self, provider: Connected, page: Page) -> Page:
        """The page without rows whose key can be none: they are unreadable, as nothing can be asked for by such a key.

        An adapter that is answered as before gives the same page, which is then not looked through again.
        """
        found, checked = self._checked.get(provider.name, (None, page))
        if found is page:
            return checked
        is_valid_key = provider.adapter.is_valid_key
        odd = [row for row in page.rows if not (_fits(row.key) and is_valid_key(row.key))]
        checked = page
        if odd:
            what = "Its key is none that this provider can have."
            named = (UnreadableRow(repr(row.key[:_SHOWN])[1:-1], what) for row in odd)
            rows = tuple(row for row in page.rows if row not in odd)
            checked = replace(page, rows=rows, unreadable=(*page.unreadable, *named))
        self._checked[provider.name] = page, checked
        return checked

    async def _reread(
        self, ref: SessionRef, digests: Mapping[str, bytes], turn: asyncio.Semaphore, unreadable: UnreadableRows
    ) -> SigningError | None:
        """The failure that concerns this session alone, if any."""
        try:
            with suppress(NotFound), deadline(self._clock, WALK_SECONDS):
                async with turn:
                    await self._fetch(ref, ChangeSource.POLL, digests)
        except SigningError as error:
            if not concerns_one_session(error):
                raise
            unreadable.failed(ref.key, error)
            return error
        unreadable.read(ref.key)
        return None

    async def _observed(
        self,
        row: Session,
        digests: Mapping[str, bytes],
        asked_at: datetime,
        turn: asyncio.Semaphore,
        unreadable: UnreadableRows,
    ) -> None:
        async with turn:
            try:
                await self._observe(row, ChangeSource.POLL, digests, begun_at=asked_at)
            except Misbehaved as error:
                unreadable.failed(row.key, error)


def _fits(key: str) -> bool:
    return key.isprintable() and len(key) <= _LONGEST_KEY and len(key.encode()) <= _LONGEST_KEY


def concerns_one_session(error: BaseException) -> bool:
    """Whether a failure says nothing about the provider's other sessions."""
    return isinstance(error, Refused | Misbehaved | WrongState | Conflict | NotFound)
