"""Titles in PostgreSQL, by the groups of three characters in them, so that a part of a title is found without reading all.

An index of GIN gives what it has found in no order. Two more of them have each group along with the span of time that
the session is from, so that the nearest are found as well, one span after the other.
What is found this way may be too much and is never too little: whether a title really has the part, its own text says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Self

from sqlalchemy import CTE, BigInteger, ColumnElement, Select, func, literal, select, text, true, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import table
from gateway.store.filter import Columns, SessionFilter, SessionOrder, contains, ranges
from gateway.store.keyset import Keyset
from gateway.store.trigram import told

_SPAN: Final = 1 << 41
"""Microseconds, some 25 days; the function ``trigrams`` counts them so."""
_FREQUENT: Final = 1 / 30
"""Where every so manieth has it, reading on until enough have it costs less than putting a span in order."""
_BALANCE: Final = 25
"""Where both ways cost the same: a page's fifty divided by f are read, or twice f of all, as those lie far apart."""

_SESSION: Final = Columns.of(table.session)
_UNINDEXED: Final = _SESSION.unindexed()
_FREQUENCY: Final = text(
    """
    WITH known AS (
        SELECT most_common_elems::text::text[] AS groups, most_common_elem_freqs AS frequencies FROM pg_stats
        WHERE schemaname = current_schema() AND tablename = 'session_by_trigram'
    )
    SELECT min(CASE WHEN known IS NULL THEN 0.01 ELSE coalesce(frequencies[array_position(groups, each)], 0) END),
           (SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'session'::regclass)
    FROM unnest(trigrams(:part)) AS each LEFT JOIN known ON true
    """
)


@dataclass(frozen=True, slots=True)
class Frequency:
    """How many titles may have a part: a share of so many sessions."""

    share: float
    count: float

    @classmethod
    async def of(cls, connection: AsyncConnection, part: str) -> Self:
        """PostgreSQL knows how frequent a group is, and takes each for independent of the others: the least tells more."""
        return cls(*(await connection.execute(_FREQUENCY, {"part": told(part)})).one())

    @property
    def frequent(self) -> bool:
        """Whether reading on until enough have the part costs less than finding the nearest."""
        return self.share > _FREQUENT

    @property
    def rare(self) -> bool:
        """Whether putting all of them in order costs less than reading on until enough have the part."""
        return self.share * self.share * self.count < _BALANCE


def grouped(part: str) -> ColumnElement[bool]:
    """Whether a title may have this part."""
    return func.trigrams(_SESSION.title_folded).bool_op("@>")(func.trigrams(literal(told(part))))


def nearest(part: str, wanted: SessionFilter, keyset: Keyset) -> Select[Any]:
    """The provider and key of the nearest sessions with this part in their title, as many as a page has.

    Nothing but the title and the instant that is sorted by may matter.
    """
    at, of = type_coerce(_SESSION.at(keyset.order), BigInteger), _UNINDEXED
    span = _spans(keyset.order, keyset.descending, *keyset.within(wanted))
    has = func.trigrams(_SESSION.title_folded, at).bool_op("@>")(func.trigrams(literal(told(part)), span.c.at))
    place = (of.at(keyset.order), of.provider, of.key)
    exactly = (contains(of.title_folded, part), *ranges(wanted, of), *keyset.inside(*place))
    keys = select(table.session.c.provider, table.session.c.key).where(has, *exactly)
    entry = keyset.first(keys, *place).correlate(span).lateral("entry")
    # Spans come nearest first, and no more of them than are needed: what is joined to each is looked for one by one.
    return select(entry.c.provider, entry.c.key).select_from(span.join(entry, true())).limit(keyset.part.limit)


@lru_cache
def _spans(order: SessionOrder, descending: bool, low: datetime | None, high: datetime | None) -> CTE:
    """The instant of one session of each span that has any between these, nearest first; the last is none."""
    at = type_coerce(_SESSION.at(order), BigInteger)
    bounds = [_SESSION.at(order) >= low] if low is not None else []
    bounds += [_SESSION.at(order) <= high] if high is not None else []
    nearest_of = func.max(at) if descending else func.min(at)
    span = select(select(nearest_of).where(*bounds).scalar_subquery().label("at")).cte("span", recursive=True)
    begin = span.c.at.bitwise_and(literal(-_SPAN, BigInteger))
    beyond = at < begin if descending else at >= begin + literal(_SPAN, BigInteger)
    then = select(nearest_of).where(*bounds, beyond).correlate(span).scalar_subquery()
    return span.union_all(select(then).where(span.c.at.is_not(None)))
