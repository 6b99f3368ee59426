"""Trigram search in SQLite: FTS5 indexes of a title's trigrams find a part without reading all titles.

FTS5 refers to rows by number, and returns them in the order of numbers. Titles are numbered twice, in both sort orders of
sessions, so that a page reads from the nearest on; each second has room for some millions of numbers.
The index may return too much and never too little: conditions on the title itself follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, TableClause, column, func, literal, select, table

from gateway.store.engine.datatype import EPOCH, MICROSECOND, FoldedText, Instant
from gateway.store.list_query.conditions import contains, created_between, due_between, prefix_conditions_on
from gateway.store.list_query.filter import SessionFilter, SessionOrder
from gateway.store.list_query.keyset import Keyset
from gateway.store.list_query.text_folding import TRIGRAM_LENGTH, indexed_part
from gateway.store.tables import session

_NUMBERS_PER_SECOND: Final = 1 << 24
"""The triggers that number titles divide seconds alike."""
_SECOND: Final = 1_000_000

_S: Final = session.c
_title = table(
    "title",
    column("id", BigInteger),
    column("due", BigInteger),
    column("provider"),
    column("key"),
    column("folded", FoldedText),
    column("created_at", Instant),
    column("due_at", Instant),
)
_T: Final = _title.c


@dataclass(frozen=True, slots=True)
class _Index:
    """FTS5 index of titles, numbered in one sort order of sessions."""

    fts: TableClause
    number: ColumnElement[int]
    at: ColumnElement[datetime]

    @property
    def rowid(self) -> ColumnElement[int]:
        return self.fts.c.rowid

    @property
    def titles(self) -> FromClause:
        """Index entries joined with their titles."""
        return self.fts.join(_title, self.number == self.rowid)

    def matches(self, part: str) -> ColumnElement[bool]:
        return self.fts.c[self.fts.name].match(_match_phrases(part))


def _fts_table(name: str) -> TableClause:
    return table(name, column("rowid", BigInteger), column(name))


_BY_CREATED: Final = _Index(_fts_table("title_by_created"), _T.id, _T.created_at)
_BY_DUE: Final = _Index(_fts_table("title_by_due"), _T.due, _T.due_at)


def select_matches(part: str) -> Select[Any]:
    """Selects provider and key of every session whose title has all trigrams of a part."""
    return select(_T.provider, _T.key).select_from(_BY_CREATED.titles).where(_BY_CREATED.matches(part))


def select_nearest(part: str, criteria: SessionFilter, keyset: Keyset) -> Select[Any]:
    """Selects the same of the page's sessions alone, and of those that share the last one's second.

    The only criteria may be the title and the time that is sorted by.
    """
    index = _BY_DUE if keyset.order is SessionOrder.DUE_AT_ASC else _BY_CREATED
    low, high = keyset.time_bounds(criteria)
    matches = [index.matches(part)]
    matches += [index.rowid >= _first_number(low)] if low is not None else []
    matches += [index.rowid < _first_number(high) + _NUMBERS_PER_SECOND] if high is not None else []
    times = (*created_between(criteria, _T.created_at), *due_between(criteria, _T.due_at))
    page = select(index.rowid.label("number")).where(*matches, contains(_T.folded, part), *times)
    page = page.where(*keyset.conditions(index.at, _T.provider, _T.key))
    page = page.select_from(index.titles.join(session, (_S.provider == _T.provider) & (_S.key == _T.key)))
    page = page.where(*prefix_conditions_on(criteria, _T.provider, _S.kind, _S.status))
    numbers = keyset.order_and_limit(page, index.rowid).subquery().c.number
    if keyset.descending:
        matches.append(index.rowid >= select(func.min(numbers)).scalar_subquery().bitwise_and(-_NUMBERS_PER_SECOND))
    else:
        matches.append(index.rowid <= select(func.max(numbers)).scalar_subquery().bitwise_or(_NUMBERS_PER_SECOND - 1))
    return select(_T.provider, _T.key).select_from(index.titles).where(*matches)


def _first_number(at: datetime) -> ColumnElement[int]:
    """The first number of a time's second, as the triggers assign them."""
    return literal((at - EPOCH) // MICROSECOND, BigInteger) // _SECOND * _NUMBERS_PER_SECOND


def _match_phrases(part: str) -> str:
    """FTS5 phrases of successive trigrams, and of the last, which may overlap the one before."""
    escaped = indexed_part(part)
    starts = [*range(0, len(escaped) - TRIGRAM_LENGTH + 1, TRIGRAM_LENGTH), len(escaped) - TRIGRAM_LENGTH]
    phrases = dict.fromkeys(escaped[start : start + TRIGRAM_LENGTH].replace('"', '""') for start in starts)
    return " ".join(f'"{phrase}"' for phrase in phrases)
