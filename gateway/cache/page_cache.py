"""Page cache: pages of the session list, kept until anything in the list has changed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gateway.store import SessionRow
from gateway.sync.list_freshness import MAX_UNREADABLE, SourceReport
from providers.lru import LruCache
from providers.model import Session, UnreadableRow


class PageSessions(list[Session]):
    """Immutable by convention: the fragment cache keys rendered fragments by a weak reference to it.

    A tuple cannot be referred to weakly, and the fragments have to go with the page that they were rendered from.
    """


@dataclass(frozen=True)
class ListPage:
    """Rows of the list, whether there are ``more`` behind them, and whether the ``whole`` of each session is known."""

    rows: Sequence[SessionRow]
    more: bool
    whole: bool = True

    @cached_property
    def sessions(self) -> PageSessions:
        """The sessions of the rows."""
        return PageSessions(row.session for row in self.rows)

    @cached_property
    def unreadable(self) -> Mapping[str, tuple[UnreadableRow, ...]]:
        """The parts of these sessions that could not be read, and the sessions whose stored states could not, by provider."""
        by_provider: dict[str, tuple[UnreadableRow, ...]] = {}
        for row in self.rows:
            parts = row.session.unreadable
            if row.fault is not None:
                parts = (UnreadableRow(row.session.key, row.fault.reason), *parts)
            if parts:
                by_provider[row.session.provider] = (*by_provider.get(row.session.provider, ()), *parts)
        return by_provider

    def with_unreadable(self, sources: Sequence[SourceReport]) -> Sequence[SourceReport]:
        """The same reports, which name the unreadable parts of this page as well."""
        return [
            replace(each, unreadable=(*each.unreadable, *self.unreadable.get(each.provider, ()))[:MAX_UNREADABLE])
            for each in sources
        ]


class PageCache:
    """LRU cache of the pages of one state of the list, bounded by the rows on all of them."""

    def __init__(self, max_rows: int = 10_000) -> None:
        self._max_rows = max_rows
        self._state: Hashable = None
        self._pages: LruCache[Hashable, ListPage] = LruCache(max_rows, max_rows)

    def get(self, key: Hashable, state: Hashable) -> ListPage | None:
        """A page of this state of the list, if it is here. Pages of any other state are forgotten."""
        if state != self._state:
            self._pages.clear()
            self._state = state
        return self._pages.get(key)

    def put(self, key: Hashable, state: Hashable, page: ListPage) -> None:
        """Keeps a page, unless the list has changed meanwhile."""
        if state == self._state and key not in self._pages and len(page.rows) < self._max_rows:
            self._pages.put(key, page, len(page.rows) + 1)
