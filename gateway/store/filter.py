"""What a list of sessions is asked for, and how that reads in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, asc, desc, or_, select
from sqlalchemy.sql import Select

from gateway.store import table
from providers.model import Session, SessionKind, SessionStatus


class SessionOrder(StrEnum):
    """In which order sessions are listed."""

    CREATED_AT_DESC = "CREATED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    DUE_AT_ASC = "DUE_AT_ASC"

    @property
    def descending(self) -> bool:
        """Whether the newest comes first."""
        return self is SessionOrder.CREATED_AT_DESC


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions are meant; what is None does not matter."""

    providers: Sequence[str] | None = None
    kinds: Sequence[SessionKind] | None = None
    statuses: Sequence[SessionStatus] | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    due_from: datetime | None = None
    due_to: datetime | None = None
    title_contains: str | None = None
    reference: str | None = None
    participant_email: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a session stands in an order: what is sorted by, then provider and key, which make it unique."""

    at: datetime
    provider: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """How much of a list: at most ``limit`` sessions behind ``after``, or before ``before`` where ``backwards``."""

    limit: int
    after: Position | None = None
    before: Position | None = None
    backwards: bool = False

    @property
    def one_more(self) -> Slice:
        """The same and one more, which shows whether there is any."""
        return Slice(limit=self.limit + 1, after=self.after, before=self.before, backwards=self.backwards)


@dataclass(frozen=True, slots=True)
class Row:
    """A session and where it stands."""

    session: Session
    position: Position


_S = table.session.c


def matching(wanted: SessionFilter) -> list[ColumnElement[bool]]:
    """The conditions of a filter."""
    return list(_conditions(wanted))


def _conditions(wanted: SessionFilter) -> Iterator[ColumnElement[bool]]:
    for column, values in ((_S.provider, wanted.providers), (_S.kind, wanted.kinds), (_S.status, wanted.statuses)):
        if values is not None:
            yield column.in_([str(value) for value in values])
    for column, lower, upper in (
        (_S.created_at, wanted.created_from, wanted.created_to),
        (_S.due_at, wanted.due_from, wanted.due_to),
    ):
        if lower is not None:
            yield column >= lower
        if upper is not None:
            yield column < upper
    if wanted.due_to is not None or wanted.due_from is not None:
        yield _S.due_at < table.FAR_FUTURE
    if wanted.title_contains:
        yield _S.title_folded.contains(wanted.title_contains.casefold(), autoescape=True)
    if wanted.reference is not None:
        yield _S.reference == wanted.reference
    if wanted.participant_email is not None:
        box = table.mailbox.c
        yield (
            select(box.email)
            .where(box.email == wanted.participant_email.lower(), box.provider == _S.provider, box.session_key == _S.key)
            .exists()
        )


def sliced(order: SessionOrder, wanted: Slice) -> Select[bytes, datetime, str, str]:
    """The rows of a slice, nearest first: backwards they come in the opposite of the order."""
    at = _S.due_at if order is SessionOrder.DUE_AT_ASC else _S.created_at
    columns: tuple[ColumnElement[object], ...] = (at, _S.provider, _S.key)
    descending = order.descending != wanted.backwards
    query = select(_S.body, at, _S.provider, _S.key)
    if wanted.after is not None:
        query = query.where(_beyond(columns, wanted.after, below=order.descending))
    if wanted.before is not None:
        query = query.where(_beyond(columns, wanted.before, below=not order.descending))
    return query.order_by(*(desc(column) if descending else asc(column) for column in columns)).limit(wanted.limit)


def _beyond(columns: Sequence[ColumnElement[object]], position: Position, *, below: bool) -> ColumnElement[bool]:
    """(a, b, c) > (x, y, z), spelled out so that every database can use its index for the first."""
    at, provider, key = columns
    if below:
        rest = or_(provider < position.provider, and_(provider == position.provider, key < position.key))
        return and_(at <= position.at, or_(at < position.at, rest))
    rest = or_(provider > position.provider, and_(provider == position.provider, key > position.key))
    return and_(at >= position.at, or_(at > position.at, rest))
