"""Titles in SQLite, by the groups of three characters in them, so that a part of a title is found without reading all.

An index of FTS5 refers to what it is of by numbers, and reads in their order. Titles are numbered twice, in the two
orders of sessions, so that the nearest are found as well: each second has room for some millions.
What is found this way may be too much and is never too little: whether a title really has the part, its own text says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, TableClause, column, func, literal, select
from sqlalchemy import table as named

from gateway.store.engine.datatype import EPOCH, MICROSECOND, Folded, Instant
from gateway.store.list_query.filter import SessionFilter, SessionOrder, chosen_of, contains, created, due
from gateway.store.list_query.keyset import Keyset
from gateway.store.list_query.trigram import GROUP, told
from gateway.store.tables import session

_ROOM: Final = 1 << 24
"""Numbers for each second; the triggers count them so."""
_SECOND: Final = 1_000_000

_S: Final = session.c
_title = named(
    "title",
    column("id", BigInteger),
    column("due", BigInteger),
    column("provider"),
    column("key"),
    column("folded", Folded),
    column("created_at", Instant),
    column("due_at", Instant),
)
_T: Final = _title.c


@dataclass(frozen=True, slots=True)
class _Index:
    """Titles by their groups, numbered in one order of sessions."""

    groups: TableClause
    number: ColumnElement[int]
    at: ColumnElement[datetime]

    @property
    def rowid(self) -> ColumnElement[int]:
        return self.groups.c.rowid

    @property
    def titles(self) -> FromClause:
        """What it has found, and the title that is meant."""
        return self.groups.join(_title, self.number == self.rowid)

    def has(self, part: str) -> ColumnElement[bool]:
        return self.groups.c[self.groups.name].match(_phrases(part))


def _groups(name: str) -> TableClause:
    return named(name, column("rowid", BigInteger), column(name))


_BY_CREATED: Final = _Index(_groups("title_by_created"), _T.id, _T.created_at)
_BY_DUE: Final = _Index(_groups("title_by_due"), _T.due, _T.due_at)


def listed(part: str) -> Select[Any]:
    """The provider and key of every session whose title may have this part."""
    return select(_T.provider, _T.key).select_from(_BY_CREATED.titles).where(_BY_CREATED.has(part))


def nearest(part: str, wanted: SessionFilter, keyset: Keyset) -> Select[Any]:
    """The same of the nearest alone: as many as a page has, and all that share the last one's second.

    Nothing but the title and the instant that is sorted by may matter.
    """
    index = _BY_DUE if keyset.order is SessionOrder.DUE_AT_ASC else _BY_CREATED
    low, high = keyset.within(wanted)
    those = [index.has(part)]
    those += [index.rowid >= _first(low)] if low is not None else []
    those += [index.rowid < _first(high) + _ROOM] if high is not None else []
    exactly = (contains(_T.folded, part), *created(wanted, _T.created_at), *due(wanted, _T.due_at))
    near = select(index.rowid.label("number")).where(*those, *exactly, *keyset.inside(index.at, _T.provider, _T.key))
    near = near.select_from(index.titles.join(session, (_S.provider == _T.provider) & (_S.key == _T.key)))
    near = near.where(*chosen_of(wanted, _T.provider, _S.kind, _S.status))
    numbers = keyset.first(near, index.rowid).subquery().c.number
    if keyset.descending:
        those.append(index.rowid >= select(func.min(numbers)).scalar_subquery().bitwise_and(-_ROOM))
    else:
        those.append(index.rowid <= select(func.max(numbers)).scalar_subquery().bitwise_or(_ROOM - 1))
    return select(_T.provider, _T.key).select_from(index.titles).where(*those)


def _first(at: datetime) -> ColumnElement[int]:
    """The first number of an instant's second, as the triggers count it."""
    return literal((at - EPOCH) // MICROSECOND, BigInteger) // _SECOND * _ROOM


def _phrases(part: str) -> str:
    """One group after the other, and the last, which may share characters with the one before."""
    spelled = told(part)
    starts = [*range(0, len(spelled) - GROUP + 1, GROUP), len(spelled) - GROUP]
    groups = dict.fromkeys(spelled[start : start + GROUP].replace('"', '""') for start in starts)
    return " ".join(f'"{group}"' for group in groups)
