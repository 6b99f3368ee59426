"""Event log: every change of every session, numbered in the order in which changes become visible."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store import tables
from gateway.store.engine.datatype import EPOCH, MICROSECOND, parse_enum
from gateway.store.engine.membership import in_values
from gateway.store.event_cursor import EventCursor, event_mark
from providers.model import ChangeSource, Session, SessionRef, SessionStatus
from providers.model.change import Change, ChangeType

_E = tables.event.c
_L = tables.log.c
_TRIM_BATCH = 1_000
_EVENT: Final = select(tables.event, _L.epoch).select_from(tables.event.join(tables.log, true()))
_BEHIND: Final = _EVENT.where(_E.seq > bindparam("after")).order_by(_E.seq).limit(bindparam("limit"))
"""Built once, as every follower of the log runs it."""
_TYPES: Final = frozenset(ChangeType)
_LOG: Final = (_L.trimmed, _L.head, _L.epoch, _L.trimmed_mark, _L.unmarked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Observed change with its number: a higher number never becomes visible before a lower one.

    ``version`` is the version of the session that has the change. ``cursor`` is the position behind the event.
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
    """Criteria of events, joined by AND; None is no criterion. Changes without a type never match."""

    sessions: Collection[SessionRef] | None = None
    providers: Collection[str] | None = None
    types: Collection[ChangeType] | None = None
    to_statuses: Collection[SessionStatus] | None = None

    def matches(self, event: Event) -> bool:
        """Whether an event matches."""
        change = event.change
        return (
            change.type is not None
            and (self.sessions is None or event.session in self.sessions)
            and (self.providers is None or event.session.provider in self.providers)
            and (self.types is None or change.type in self.types)
            and (self.to_statuses is None or change.to_status in self.to_statuses)
        )

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The criteria as SQL."""
        yield _E.type.in_(sorted(_TYPES)) if self.types is None else _E.type.is_not(None)
        if self.sessions is not None:
            refs = [(ref.provider, ref.key) for ref in self.sessions]
            yield in_values(refs, _E.provider, _E.session_key)
        for column, values in ((_E.provider, self.providers), (_E.type, self.types), (_E.to_status, self.to_statuses)):
            if values is not None:
                yield column.in_([str(value) for value in values])


ALL_EVENTS = EventFilter()


@dataclass(frozen=True, slots=True)
class LogBounds:
    """Bounds of the log: it has the events behind ``trimmed`` up to ``head``, whose cursor is ``cursor``.

    ``begin`` is the cursor in front of the oldest event.
    """

    trimmed: int
    head: int
    cursor: str
    begin: str


class EventLog:
    """Repository of events. ``append_events`` is part of the transaction that writes the changed session."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def bounds(self) -> LogBounds:
        """The bounds of the log."""
        log = await self._log_row(_E.seq == _L.head)
        begin = EventCursor(log.trimmed, _trimmed_mark(log.trimmed, log))
        return LogBounds(log.trimmed, log.head, str(EventCursor(log.head, _mark(log.head, log))), str(begin))

    async def can_resume(self, cursor: EventCursor) -> bool:
        """Whether every event behind a cursor is in the log: it names an event of this log, and none behind it was trimmed."""
        log = await self._log_row(_E.seq == cursor.seq)
        if not log.trimmed <= cursor.seq <= log.head:
            return False
        if cursor.mark is None:
            return log.unmarked is not None and cursor.seq <= log.unmarked
        return cursor.mark == _mark(cursor.seq, log)

    async def begin_epoch(self) -> None:
        """Begins another epoch, in which every earlier cursor is refused."""
        async with self._engine.begin() as connection:
            values = {"epoch": secrets.token_hex(16), "trimmed_mark": None, "unmarked": None}
            await connection.execute(update(tables.log).values(values))

    async def read(self, after: int, limit: int, criteria: EventFilter | None = None, until: int | None = None) -> list[Event]:
        """Reads events behind a number, in order: those that match, or all, with the changes without a type.

        With ``until``, events behind that number are not read.
        """
        query = _BEHIND.where(*criteria.conditions()) if criteria else _BEHIND
        query = query if until is None else query.where(_E.seq <= until)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query, {"after": after, "limit": limit})).all()
        return [_decode_event(row) for row in rows]

    async def get(self, seq: int) -> Event | None:
        """The event with a number."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(_EVENT.where(_E.seq == seq))).one_or_none()
        return None if row is None else _decode_event(row)

    async def trim(self, before: datetime, most: int) -> None:
        """Removes events that were seen before an instant, and all but the newest ``most``, a thousand at a time."""
        while True:
            async with self._engine.begin() as connection:
                locked = update(tables.log).values(trimmed=_L.trimmed).returning(_L.trimmed, _L.head)
                trimmed, head = (await connection.execute(locked)).one()
                old = select(func.max(_E.seq)).where(_E.observed_at < before)
                last = max((await connection.execute(old)).scalar() or 0, head - most)
                reached = min(last, trimmed + _TRIM_BATCH)
                if reached <= trimmed:
                    return
                row = (await connection.execute(_with_event(_E.seq == reached))).one()
                await connection.execute(delete(tables.event).where(_E.seq <= reached))
                await connection.execute(update(tables.log).values(trimmed=reached, trimmed_mark=_mark(reached, row)))

    async def _log_row(self, at: ColumnElement[bool]) -> Row[Any]:
        async with self._engine.connect() as connection:
            row: Row[Any] = (await connection.execute(_with_event(at))).one()
        return row


async def append_events(
    connection: AsyncConnection, session: Session, version: int, changes: Sequence[Change], observed_at: datetime
) -> None:
    """Appends changes to the log, as the last statement of a transaction.

    The row with the last number stays locked until the transaction ends, so that a higher number is only given out once the
    lower ones are visible, on either database. A sequence would give out numbers without that wait.
    """
    if not changes:
        return
    numbered = update(tables.log).values(head=_L.head + len(changes)).returning(_L.head)
    last = (await connection.execute(numbered)).scalar_one()
    first = last - len(changes) + 1
    shared = {"provider": session.provider, "session_key": session.key, "version": version}
    shared |= {"source": session.source, "observed_at": observed_at}
    rows = [{"seq": first + place, **shared, **asdict(change)} for place, change in enumerate(changes)]
    await connection.execute(insert(tables.event), rows)


def _with_event(at: ColumnElement[bool]) -> Select[Any]:
    """The log's own row, outer-joined with one event."""
    return select(*_LOG, tables.event).select_from(tables.log.outerjoin(tables.event, at))


def _mark(seq: int, row: Row[Any]) -> int:
    """The mark of the event in a row. A trimmed event has left its mark in the log's row, unless a former build trimmed it."""
    if row.seq is not None:
        content = (row.provider, row.session_key, row.version, row.type, row.source, (row.observed_at - EPOCH) // MICROSECOND)
        return event_mark(row.epoch, seq, *content)
    return _trimmed_mark(seq, row)


def _trimmed_mark(seq: int, row: Row[Any]) -> int:
    mark: int | None = row.trimmed_mark
    return event_mark(row.epoch, seq) if mark is None else mark


def _status(word: str | None) -> SessionStatus | None:
    return parse_enum(SessionStatus, word, SessionStatus.UNKNOWN) if word else None


def _decode_event(row: Row[Any]) -> Event:
    """Decodes an event. One whose type only a newer build has becomes a change without a type, which is not published."""
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
