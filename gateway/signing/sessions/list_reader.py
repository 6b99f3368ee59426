"""Reads the list of sessions and that of signatures: refreshed at the providers, then taken from the store page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from gateway.cache.page_cache import ListPage, PageCache
from gateway.cache.single_flight import SingleFlight
from gateway.config import FreshnessSettings
from gateway.directory import ConnectedProvider, DepartedProviders
from gateway.events.hub import Hub
from gateway.signing.sessions.reader import SessionReader
from gateway.store import PageRequest, SessionFilter, SessionOrder, SignatureFilter, SignaturePosition, Store
from gateway.sync.list_freshness import SourceReport
from gateway.sync.list_sync import ListSync
from providers.clock import Clock
from providers.model import Signature

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SessionList:
    """A slice of the list of sessions: a page, and how fresh each provider's share of it is."""

    page: ListPage
    sources: Sequence[SourceReport]
    cursor: str = ""
    """Cursor of the event log from before the page was read: the page shows every event up to there."""


@dataclass(frozen=True, slots=True)
class SignatureList:
    """A slice of the list of signatures; ``more`` says whether it goes on in the direction that was read."""

    rows: Sequence[tuple[Signature, SignaturePosition]]
    more: bool
    sources: Sequence[SourceReport]


class ListReader:
    """Reads lists over several providers. A page is cached until anything in the store has changed."""

    def __init__(
        self,
        store: Store,
        departed: DepartedProviders,
        reader: SessionReader,
        list_sync: ListSync,
        hub: Hub,
        version: Callable[[], Hashable],
        freshness: FreshnessSettings,
        clock: Clock,
    ) -> None:
        """``version`` gives the version of the store: a cached page of another version is evicted."""
        self._store = store
        self._departed = departed
        self._reader = reader
        self._list_sync = list_sync
        self._hub = hub
        self._version = version
        self._freshness = freshness
        self._clock = clock
        self._pages = PageCache()
        self._page_reads: SingleFlight[ListPage] = SingleFlight()

    async def sessions(
        self,
        providers: Sequence[ConnectedProvider],
        wanted: SessionFilter,
        order: SessionOrder,
        part: PageRequest,
        max_age: timedelta | None,
        *,
        at_head: bool,
    ) -> SessionList:
        """A slice of the list of sessions, after the lists of ``providers`` that are older than ``max_age`` are refreshed.

        ``at_head`` asks for a cursor at the log's present head, which may have to be read for it.
        """
        begun = self._clock.monotonic()
        sources = await self._list_sync.refresh(providers, max_age)
        if at_head:
            await self._hub.catch_up()
        else:
            await self._hub.read_log(begun - (self._freshness.list if max_age is None else max_age.total_seconds()))
        cursor = self._reader.cursor
        page = await self._page(wanted, order, part)
        if not page.whole:
            page = ListPage(await self._reader.complete(page.rows), page.more)
        return SessionList(page, page.with_unreadable(sources) if page.unreadable else sources, cursor)

    async def count_sessions(self, wanted: SessionFilter) -> int:
        """The number of sessions that match."""
        return await self._store.sessions.count(self._departed.hide(wanted))

    async def signatures(
        self,
        providers: Sequence[ConnectedProvider],
        wanted: SignatureFilter,
        limit: int,
        after: SignaturePosition | None,
        before: SignaturePosition | None,
        *,
        backwards: bool,
    ) -> SignatureList:
        """A slice of the list of signatures, newest first, after the lists of ``providers`` are refreshed."""
        sources = await self._list_sync.refresh(providers, None)
        rows = await self._store.signatures.page(self._departed.hide(wanted), limit + 1, after, before, backwards=backwards)
        if self._departed.notice(row.session.provider for row in rows):
            rows = await self._store.signatures.page(self._departed.hide(wanted), limit + 1, after, before, backwards=backwards)
        places, more = _trimmed(rows, limit, backwards=backwards)
        sessions = await asyncio.gather(*(self._reader.stored_or_fetched(place.session) for place in places))
        pairs = (
            (session.signature(place.key) if session else None, place) for session, place in zip(sessions, places, strict=True)
        )
        return SignatureList([(each, place) for each, place in pairs if each is not None], more, sources)

    async def count_signatures(self, wanted: SignatureFilter) -> int:
        """The number of signatures that match."""
        return await self._store.signatures.count(self._departed.hide(wanted))

    async def _page(self, wanted: SessionFilter, order: SessionOrder, part: PageRequest) -> ListPage:
        """A slice as it is stored; the log tells whether another gateway has changed anything there."""
        key, version = (wanted, order, part), self._version()
        page = self._pages.get(key, version)
        if page is None:
            page = await self._page_reads.do((key, version), lambda: self._read_page(wanted, order, part, version))
        return page

    async def _read_page(self, wanted: SessionFilter, order: SessionOrder, part: PageRequest, version: Hashable) -> ListPage:
        found = await self._store.sessions.page(self._departed.hide(wanted), order, part.with_lookahead)
        if self._departed.notice(row.position.provider for row in found):
            found = await self._store.sessions.page(self._departed.hide(wanted), order, part.with_lookahead)
        rows, more = _trimmed(found, part.limit, backwards=part.backwards)
        page = ListPage(rows, more, whole=not any(row.session.partial for row in rows))
        self._pages.put((wanted, order, part), version, page)
        return page


def _trimmed(rows: Sequence[T], limit: int, *, backwards: bool) -> tuple[Sequence[T], bool]:
    """A slice that was read one too far, cut to its limit, and whether there was more."""
    if len(rows) <= limit:
        return rows, False
    return (rows[1:] if backwards else rows[:-1]), True
