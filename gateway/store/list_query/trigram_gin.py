"""Titles in PostgreSQL, by the groups of three characters in them, so that a part of a title is found without reading all.

An index of GIN gives what it has found in no order. Two more of them have each group along with the span of time that
the session is from, so that the nearest are found as well, one span after the other.
What is found this way may be too much and is never too little: whether a title really has the part, its own text says.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import CTE, BigInteger, ColumnElement, Select, func, literal, select, true, type_coerce

from gateway.store import tables
from gateway.store.list_query.filter import Columns, chosen, contains, ranges
from gateway.store.list_query.statement_cache import Form
from gateway.store.list_query.trigram import told

_SPAN: Final = 1 << 41
"""Microseconds, some 25 days; the function ``trigrams`` counts them so."""

_SESSION: Final = Columns.of(tables.session)
_UNINDEXED: Final = _SESSION.unindexed()


def grouped(part: str) -> ColumnElement[bool]:
    """Whether a title may have this part."""
    return func.trigrams(_SESSION.title_folded).bool_op("@>")(func.trigrams(literal(told(part))))


def nearest(form: Form) -> Select[Any]:
    """The provider and key of the nearest sessions with a part in their title, as many as a page has."""
    keyset, span = form.keyset, _spans(form)
    at, of = type_coerce(_SESSION.at(form.order), BigInteger), _UNINDEXED
    has = func.trigrams(_SESSION.title_folded, at).bool_op("@>")(func.trigrams(form.blank("groups"), span.c.at))
    place = (of.at(form.order), of.provider, of.key)
    shown = (*chosen(form.wanted, of), *ranges(form.wanted, of))
    exactly = (contains(of.title_folded, form.blank("part")), *shown, *keyset.inside(*place))
    keys = select(tables.session.c.provider, tables.session.c.key).where(has, *exactly)
    entry = keyset.first(keys, *place).correlate(span).lateral("entry")
    # Spans come nearest first, and no more of them than are needed: what is joined to each is looked for one by one.
    return select(entry.c.provider, entry.c.key).select_from(span.join(entry, true())).limit(keyset.part.limit)


def _spans(form: Form) -> CTE:
    """The instant of one session of each span that has any within bounds, nearest first; the last is none."""
    at, descending = type_coerce(_SESSION.at(form.order), BigInteger), form.keyset.descending
    low, high = form.blank("low"), form.blank("high")
    bounds = [_SESSION.at(form.order) >= low] if low is not None else []
    bounds += [_SESSION.at(form.order) <= high] if high is not None else []
    nearest_of = func.max(at) if descending else func.min(at)
    span = select(select(nearest_of).where(*bounds).scalar_subquery().label("at")).cte("span", recursive=True)
    begin = span.c.at.bitwise_and(literal(-_SPAN, BigInteger))
    beyond = at < begin if descending else at >= begin + literal(_SPAN, BigInteger)
    then = select(nearest_of).where(*bounds, beyond).correlate(span).scalar_subquery()
    return span.union_all(select(then).where(span.c.at.is_not(None)))
