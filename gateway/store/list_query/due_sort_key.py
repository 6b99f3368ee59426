"""Due sort key: sessions without a due date sort last, by creation; and how bounds of one sort key bound the other.

A filter by due date on a list sorted by creation (or the reverse) would read an index from its beginning. The shortest and
the longest time that any session has between the two bound where on the index it can match.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, case, func, literal, literal_column, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine.datatype import EPOCH, MICROSECOND, Instant
from gateway.store.list_query.filter import SessionFilter, SessionOrder
from gateway.store.tables import session

NEVER: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Sort keys from here on stand for no due date."""
_LATEST: Final = datetime(2900, 1, 1, tzinfo=UTC)
"""Sessions created later sort as if created then, so that no sort key exceeds the year 9999."""

_S = session.c
_DUE, _CREATED = type_coerce(_S.due_at, BigInteger), type_coerce(_S.created_at, BigInteger)
_NEVER: Final = literal_column(str((NEVER - EPOCH) // MICROSECOND), BigInteger)
"""A literal, as a partial index of sessions with a due date is only used where the statement itself says so."""


def due_sort_key(due_at: datetime | None, created_at: datetime) -> datetime:
    """The sort key of a session."""
    return due_at if due_at is not None else NEVER + (min(max(created_at, EPOCH), _LATEST) - EPOCH)


def undated_sort_key(created_at: ColumnElement[datetime]) -> ColumnElement[datetime]:
    """The sort key of a session without a due date, as SQL."""
    at, latest = type_coerce(created_at, BigInteger), (_LATEST - EPOCH) // MICROSECOND
    since_epoch = case((at < 0, literal(0, BigInteger)), (at > latest, literal(latest, BigInteger)), else_=at)
    return type_coerce(since_epoch + literal((NEVER - EPOCH) // MICROSECOND, BigInteger), Instant())


@dataclass(frozen=True, slots=True)
class SortKeyBounds:
    """Inclusive bounds of the sort keys that can match a filter."""

    begin: datetime | None = None
    end: datetime | None = None


UNBOUNDED: Final = SortKeyBounds()


def filters_other_key(criteria: SessionFilter, order: SessionOrder) -> bool:
    """Whether a filter bounds the time that the order does not sort by."""
    if order is SessionOrder.DUE_AT_ASC:
        return criteria.created_from is not None
    return criteria.due_from is not None or criteria.due_to is not None


async def find_bounds(connection: AsyncConnection, criteria: SessionFilter, order: SessionOrder) -> SortKeyBounds:
    """Bounds of the sort key, from the bounds of the other time and the shortest and longest time between the two.

    Sorted by due date, sessions without one come last, so that no upper bound follows from their creation.
    """
    least, most = (await connection.execute(select(_extreme("min"), _extreme("max")))).one()
    if least is None:
        return UNBOUNDED
    with suppress(OverflowError):  # such a time bounds nothing
        shortest, longest = least * MICROSECOND, most * MICROSECOND
        if order is SessionOrder.DUE_AT_ASC:
            return SortKeyBounds(begin=_shift(criteria.created_from, shortest))
        return SortKeyBounds(begin=_shift(criteria.due_from, -longest), end=_shift(criteria.due_to, -shortest))
    return UNBOUNDED


def _extreme(function: str) -> ScalarSelect[int]:
    return select(getattr(func, function)(_DUE - _CREATED)).where(_DUE < _NEVER).scalar_subquery()


def _shift(at: datetime | None, by: timedelta) -> datetime | None:
    return None if at is None else at + by
