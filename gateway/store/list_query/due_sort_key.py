"""Where sessions stand that are sorted by when they are due: those that never are come last, in the order they were made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, case, literal, type_coerce

from gateway.store.engine.datatype import EPOCH, MICROSECOND, Instant

NEVER: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""What is due then or later is never due."""
_LATEST: Final = datetime(2900, 1, 1, tzinfo=UTC)
"""Who was made later stands as if they were made then: no instant is behind the year 9999."""


def due_place(due_at: datetime | None, created_at: datetime) -> datetime:
    """What a session is sorted by."""
    return due_at if due_at is not None else NEVER + (min(max(created_at, EPOCH), _LATEST) - EPOCH)


def never(created_at: ColumnElement[datetime]) -> ColumnElement[datetime]:
    """The same of one that is never due, for the database to say."""
    at, latest = type_coerce(created_at, BigInteger), (_LATEST - EPOCH) // MICROSECOND
    since = case((at < 0, literal(0, BigInteger)), (at > latest, literal(latest, BigInteger)), else_=at)
    return type_coerce(since + literal((NEVER - EPOCH) // MICROSECOND, BigInteger), Instant())
