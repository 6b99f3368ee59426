"""How long sessions have until they are due: what is asked of one instant tells something of the other, which is sorted by."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, ScalarSelect, func, literal_column, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine.datatype import EPOCH, MICROSECOND
from gateway.store.list_query.due_sort_key import NEVER
from gateway.store.list_query.filter import SessionFilter, SessionOrder
from gateway.store.tables import session

_S = session.c
_DUE, _CREATED = type_coerce(_S.due_at, BigInteger), type_coerce(_S.created_at, BigInteger)
_NEVER: Final = literal_column(str((NEVER - EPOCH) // MICROSECOND), BigInteger)
"""Written out, as an index of those that are due is only taken where it is plain that nothing else is asked for."""


def _one(function: str) -> ScalarSelect[int]:
    return select(getattr(func, function)(_DUE - _CREATED)).where(_DUE < _NEVER).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Reach:
    """Outside of which instants of an order there can be none that is wanted: ``begin`` and ``end`` are within."""

    begin: datetime | None = None
    end: datetime | None = None


EVERYWHERE: Final = Reach()


def crosses(wanted: SessionFilter, order: SessionOrder) -> bool:
    """Whether something is asked of the instant that is not sorted by, which tells of the other."""
    if order is SessionOrder.DUE_AT_ASC:
        return wanted.created_from is not None
    return wanted.due_from is not None or wanted.due_to is not None


async def reach(connection: AsyncConnection, wanted: SessionFilter, order: SessionOrder) -> Reach:
    """Where those that are wanted can be, by the shortest and the longest time that any session has.

    Sessions without an end are the last of those that are sorted by theirs, so that nothing bounds those.
    """
    least, most = (await connection.execute(select(_one("min"), _one("max")))).one()
    if least is None:
        return EVERYWHERE
    with suppress(OverflowError):  # such an instant bounds nothing
        shortest, longest = least * MICROSECOND, most * MICROSECOND
        if order is SessionOrder.DUE_AT_ASC:
            return Reach(begin=_moved(wanted.created_from, shortest))
        return Reach(begin=_moved(wanted.due_from, -longest), end=_moved(wanted.due_to, -shortest))
    return EVERYWHERE


def _moved(at: datetime | None, by: timedelta) -> datetime | None:
    return None if at is None else at + by
