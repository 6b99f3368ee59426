"""The event log: every change of every session, numbered in the order in which it becomes visible."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store import tables
from gateway.store.cursor import EventCursor, event_mark
from gateway.store.engine.datatype import EPOCH, MICROSECOND
from gateway.store.engine.membership import among
from gateway.store.session_state.unreadable import parse_enum
from providers.model import ChangeSource, Session, SessionRef, SessionStatus
from providers.model.change import Change, ChangeType

_E = tables.event.c
_L = tables.log.c
_TRIMMED_AT_ONCE = 1_000
_EVENT: Final = select(tables.event, _L.epoch).select_from(tables.event.join(tables.log, true()))
_BEHIND: Final = _EVENT.where(_E.seq > bindparam("after")).order_by(_E.seq).limit(bindparam("limit"))
"""Put into words once, as it is asked again and again."""
_TYPES: Final = frozenset(ChangeType)
_LOG: Final = (_L.trimmed, _L.head, _L.epoch, _L.trimmed_mark, _L.unmarked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change that was seen, and its number: a higher one is never visible before a lower one.

    ``version`` is that of the session's state which it led to. ``cursor`` is given by clients to continue behind it.
    """

    seq: int
    cursor: str
    session: SessionRef
    version: int
    change: Change
    source: ChangeSource
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are meant; what is None does not matter. Changes without a type are never meant."""

    sessions: Collection[SessionRef] | None = None
    providers: Collection[str] | None = None
    types: Collection[ChangeType] | None = None
    to_statuses: Collection[SessionStatus] | None = None

    def matches(self, event: Event) -> bool:
        """Whether an event is meant."""
        change = event.change
        return (
            change.type is not None
            and (self.sessions is None or event.session in self.sessions)
            and (self.providers is None or event.session.provider in self.providers)
            and (self.types is None or change.type in self.types)
            and (self.to_statuses is None or change.to_status in self.to_statuses)
        )

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The same in SQL."""
        yield _E.type.in_(sorted(_TYPES)) if self.types is None else _E.type.is_not(None)
        if self.sessions is not None:
            refs = [(ref.provider, ref.key) for ref in self.sessions]
            yield among(refs, _E.provider, _E.session_key)
        for column, values in ((_E.provider, self.providers), (_E.type, self.types), (_E.to_status, self.to_statuses)):
            if values is not None:
                yield column.in_([str(value) for value in values])


ALL_EVENTS = EventFilter()


@dataclass(frozen=True, slots=True)
class LogBounds:
    """What of the log there is: events behind ``trimmed`` up to ``head``, whose cursor is ``cursor``.

    ``begin`` is the cursor in front of the oldest event that is kept.
    """

    trimmed: int
    head: int
    cursor: str
    begin: str


class EventLog:
    """The event log. ``append`` is part of the transaction that saves what has changed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def bounds(self) -> LogBounds:
        """What of the log there is."""
        log = await self._log(_E.seq == _L.head)
        begin = EventCursor(log.trimmed, _trimmed_mark(log.trimmed, log))
        return LogBounds(log.trimmed, log.head, str(EventCursor(log.head, _mark(log.head, log))), str(begin))

    async def can_resume(self, cursor: EventCursor) -> bool:
        """Whether all that follows a cursor is in the log: it was made for an event of this log, not of one now lost."""
        log = await self._log(_E.seq == cursor.seq)
        if not log.trimmed <= cursor.seq <= log.head:
            return False
        if cursor.mark is None:
            return log.unmarked is not None and cursor.seq <= log.unmarked
        return cursor.mark == _mark(cursor.seq, log)

    async def begin_epoch(self) -> None:
        """From now on this is another log: every cursor that was given out before is refused."""
        async with self._engine.begin() as connection:
            values = {"epoch": secrets.token_hex(16), "trimmed_mark": None, "unmarked": None}
            await connection.execute(update(tables.log).values(values))

    async def read(self, after: int, limit: int, wanted: EventFilter | None = None, until: int | None = None) -> list[Event]:
        """Events behind a number, in order: those that are meant, or all, also the changes without a type.

        With ``until``, none behind that number is looked at.
        """
        query = _BEHIND.where(*wanted.conditions()) if wanted else _BEHIND
        query = query if until is None else query.where(_E.seq <= until)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query, {"after": after, "limit": limit})).all()
        return [_event(row) for row in rows]

    async def get(self, seq: int) -> Event | None:
        """One event."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(_EVENT.where(_E.seq == seq))).one_or_none()
        return None if row is None else _event(row)

    async def trim(self, before: datetime, most: int) -> None:
        """Removes events that were seen before an instant, and all but the newest ``most``, a thousand at a time."""
        while True:
            async with self._engine.begin() as connection:
                held = update(tables.log).values(trimmed=_L.trimmed).returning(_L.trimmed, _L.head)
                trimmed, head = (await connection.execute(held)).one()
                old = select(func.max(_E.seq)).where(_E.observed_at < before)
                last = max((await connection.execute(old)).scalar() or 0, head - most)
                reached = min(last, trimmed + _TRIMMED_AT_ONCE)
                if reached <= trimmed:
                    return
                at_last = (await connection.execute(_with_event(_E.seq == reached))).one()
                await connection.execute(delete(tables.event).where(_E.seq <= reached))
                await connection.execute(update(tables.log).values(trimmed=reached, trimmed_mark=_mark(reached, at_last)))

    async def _log(self, at: ColumnElement[bool]) -> Row[Any]:
        async with self._engine.connect() as connection:
            found: Row[Any] = (await connection.execute(_with_event(at))).one()
        return found


async def append_events(
    connection: AsyncConnection, session: Session, version: int, changes: Sequence[Change], observed_at: datetime
) -> None:
    """Appends to the log, as the last act of a transaction.

    The row of the last number stays locked until that has ended. So whoever gets a higher number has waited until the
    lower ones were visible, in either database; a sequence would not make them wait.
    """
    if not changes:
        return
    taken = update(tables.log).values(head=_L.head + len(changes)).returning(_L.head)
    last = (await connection.execute(taken)).scalar_one()
    first = last - len(changes) + 1
    told = {"provider": session.provider, "session_key": session.key, "version": version}
    told |= {"source": session.source, "observed_at": observed_at}
    rows = [{"seq": first + place, **told, **asdict(change)} for place, change in enumerate(changes)]
    await connection.execute(insert(tables.event), rows)


def _with_event(at: ColumnElement[bool]) -> Select[Any]:
    """The log's own row, and one event of it, if it is there."""
    return select(*_LOG, tables.event).select_from(tables.log.outerjoin(tables.event, at))


def _mark(seq: int, row: Row[Any]) -> int:
    """The mark of the event in a row. One that retention has removed has left its mark, unless a former build removed it."""
    if row.seq is not None:
        told = (row.provider, row.session_key, row.version, row.type, row.source, (row.observed_at - EPOCH) // MICROSECOND)
        return event_mark(row.epoch, seq, *told)
    return _trimmed_mark(seq, row)


def _trimmed_mark(seq: int, row: Row[Any]) -> int:
    left: int | None = row.trimmed_mark
    return event_mark(row.epoch, seq) if left is None else left


def _status(word: str | None) -> SessionStatus | None:
    return parse_enum(SessionStatus, word, SessionStatus.UNKNOWN) if word else None


def _event(row: Row[Any]) -> Event:
    """An event. One of a type that only a newer build has is one without a type, that nobody is told of here."""
    return Event(
        seq=row.seq,
        cursor=str(EventCursor(row.seq, _mark(row.seq, row))),
        session=SessionRef(row.provider, row.session_key),
        version=row.version,
        change=Change(
            type=ChangeType(row.type) if row.type in _TYPES else None,
            from_status=_status(row.from_status),
            to_status=_status(row.to_status),
            participant=row.participant,
            document=row.document,
            signature=row.signature,
            provider_status=row.provider_status,
            occurred_at=row.occurred_at,
        ),
        source=parse_enum(ChangeSource, row.source, ChangeSource.DERIVED),
        observed_at=row.observed_at,
    )
