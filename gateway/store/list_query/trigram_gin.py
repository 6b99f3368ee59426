"""Trigram search in PostgreSQL: GIN indexes of a title's trigrams find a part without reading all titles.

A GIN index returns matches in no order. Two more of them index each trigram along with the span of time that the session
is from, so that a page reads spans from the nearest on, until it is full.
The index may return too much and never too little: conditions on the title itself follow.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import CTE, BigInteger, ColumnElement, Select, func, literal, select, true, type_coerce

from gateway.store import tables
from gateway.store.list_query.conditions import SessionColumns, contains, prefix_conditions, time_conditions
from gateway.store.list_query.statement_cache import QueryShape
from gateway.store.list_query.text_folding import indexed_part

_SPAN: Final = 1 << 41
"""Microseconds, some 25 days; the SQL function ``trigrams`` divides time alike."""

_COLUMNS: Final = SessionColumns.of(tables.session)
_WITHOUT_INDEX: Final = _COLUMNS.without_index()


def may_contain(part: str) -> ColumnElement[bool]:
    """Condition that a title has all trigrams of a part."""
    return func.trigrams(_COLUMNS.title_folded).bool_op("@>")(func.trigrams(literal(indexed_part(part))))


def select_nearest(shape: QueryShape) -> Select[Any]:
    """Selects provider and key of the page's sessions whose title contains a part."""
    keyset, span = shape.keyset, _spans(shape)
    at = type_coerce(_COLUMNS.sort_key(shape.order), BigInteger)
    searched = func.trigrams(shape.parameter("indexed_part"), span.c.at)
    has_trigrams = func.trigrams(_COLUMNS.title_folded, at).bool_op("@>")(searched)
    position = (_WITHOUT_INDEX.sort_key(shape.order), _WITHOUT_INDEX.provider, _WITHOUT_INDEX.key)
    keys = select(tables.session.c.provider, tables.session.c.key).where(
        has_trigrams,
        contains(_WITHOUT_INDEX.title_folded, shape.parameter("part")),
        *prefix_conditions(shape.criteria, _WITHOUT_INDEX),
        *time_conditions(shape.criteria, _WITHOUT_INDEX),
        *keyset.conditions(*position),
    )
    entry = keyset.order_and_limit(keys, *position).correlate(span).lateral("entry")
    # Spans come nearest first, and the join searches them one by one: the limit ends it once the page is full.
    return select(entry.c.provider, entry.c.key).select_from(span.join(entry, true())).limit(keyset.page.limit)


def _spans(shape: QueryShape) -> CTE:
    """One session's time from each span within bounds that has any, nearest first; the last row is null."""
    at, descending = type_coerce(_COLUMNS.sort_key(shape.order), BigInteger), shape.keyset.descending
    low, high = shape.parameter("low"), shape.parameter("high")
    bounds = [_COLUMNS.sort_key(shape.order) >= low] if low is not None else []
    bounds += [_COLUMNS.sort_key(shape.order) <= high] if high is not None else []
    nearest = func.max(at) if descending else func.min(at)
    span = select(select(nearest).where(*bounds).scalar_subquery().label("at")).cte("span", recursive=True)
    begin = span.c.at.bitwise_and(literal(-_SPAN, BigInteger))
    beyond = at < begin if descending else at >= begin + literal(_SPAN, BigInteger)
    following = select(nearest).where(*bounds, beyond).correlate(span).scalar_subquery()
    return span.union_all(select(following).where(span.c.at.is_not(None)))
