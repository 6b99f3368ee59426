"""Pages of the list of sessions close at hand, until anything in the list has changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gateway.store import Row
from gateway.sync.list_freshness import SourceReport
from gateway.sync.unreadable_rows import MOST
from providers.model import Session, UnreadableRow


class Together(list[Session]):
    """Sessions that stay together for a while, which nobody changes.

    It is no tuple, as those cannot be referred to weakly: what is kept of all of them has to know when they are gone.
    """


@dataclass(frozen=True)
class ListPage:
    """Rows of the list, whether there are ``more`` behind them, and whether the ``whole`` of each session is known."""

    rows: Sequence[Row]
    more: bool
    whole: bool = True

    @cached_property
    def sessions(self) -> Together:
        """The sessions of the rows."""
        return Together(row.session for row in self.rows)

    @cached_property
    def unreadable(self) -> Mapping[str, tuple[UnreadableRow, ...]]:
        """The parts of these sessions that could not be read, and the sessions whose stored states could not, by provider."""
        found: dict[str, tuple[UnreadableRow, ...]] = {}
        for row in self.rows:
            named = row.session.unreadable
            if row.fault is not None:
                named = (UnreadableRow(row.session.key, row.fault.reason), *named)
            if named:
                found[row.session.provider] = (*found.get(row.session.provider, ()), *named)
        return found

    def named(self, sources: Sequence[SourceReport]) -> Sequence[SourceReport]:
        """The same reports, which name these parts as well."""
        return [
            replace(each, unreadable=(*each.unreadable, *self.unreadable.get(each.provider, ()))[:MOST]) for each in sources
        ]


class Pages:
    """The pages that were asked for last, of one state of the list; together at most ``most`` rows."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._mark: Hashable = None
        self._rows = 0
        self._pages: OrderedDict[Hashable, ListPage] = OrderedDict()

    def get(self, key: Hashable, mark: Hashable) -> ListPage | None:
        """A page of the state with this mark, if it is here. What is of any other state is forgotten."""
        if mark != self._mark:
            self._pages.clear()
            self._rows, self._mark = 0, mark
        found = self._pages.get(key)
        if found is not None:
            self._pages.move_to_end(key)
        return found

    def put(self, key: Hashable, mark: Hashable, page: ListPage) -> None:
        """Keeps a page, unless the list has gone on meanwhile."""
        if mark != self._mark or key in self._pages or len(page.rows) > self._most:
            return
        self._pages[key] = page
        self._rows += len(page.rows) + 1
        while self._rows > self._most:
            _, gone = self._pages.popitem(last=False)
            self._rows -= len(gone.rows) + 1
