"""When each session is looked at again, and which of them somebody follows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Update,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store import tables
from gateway.store.engine.datatype import Instant
from gateway.store.engine.membership import among
from providers.model import SessionKind, SessionRef, SessionStatus

_S = tables.session.c
_P = tables.part.c
_AT_ONCE = 500
_FINAL = [each.value for each in SessionStatus if each.final]
_CAN_CHANGE = or_(_S.settled.is_(False), _S.kind == SessionKind.RECORD.value)
"""A record is settled from the start, and may get another version all the same."""

_AWAITS_RESULTS = and_(
    _S.settled.is_(False),
    or_(_S.status == SessionStatus.PROCESSING.value, _S.status.in_(sorted(each.value for each in SessionStatus if each.final))),
)
"""Nobody acts any more, but a result is still being made. That need not show in a row of a list."""

_at = type_coerce(_S.poll_at, BigInteger) + 0
"""The same instant, but not for an index: those that are followed are few, and found by that."""


@dataclass(frozen=True, slots=True)
class PollCandidate:
    """What is known of a session for when to look at it again; ``due_at`` may be in a far future."""

    key: str
    changed_at: datetime
    due_at: datetime
    poll_at: datetime | None
    settled: bool


@dataclass(frozen=True, slots=True)
class PollTimes:
    """When a session is looked at again: as it is, and while somebody follows it. None is never."""

    unfollowed: datetime | None
    followed: datetime


Plan = Callable[[PollCandidate], PollTimes | None]


class PollQueue:
    """What is due at a provider. Nothing here reads more rows than it gives."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def due_followed(self, provider: str, now: datetime, limit: int) -> list[str]:
        """Sessions that somebody follows and that are due, most overdue first."""
        query = select(_S.key).where(_S.provider == provider, _S.watched_until > now, _at <= literal(now, Instant()))
        return await self._keys(query.order_by(_at).limit(limit))

    async def due_unfollowed(self, provider: str, now: datetime, limit: int) -> list[str]:
        """Sessions that nobody follows and that are due, most overdue first."""
        query = select(_S.key).where(_S.provider == provider, _S.poll_at <= now, _unfollowed(now))
        return await self._keys(query.order_by(_S.poll_at).limit(limit))

    async def due_rows(self, provider: str, now: datetime, limit: int) -> Mapping[str, str]:
        """The same as the rows of the provider's list that tell of them, and the session each belongs to."""
        first = select(_S.key).where(_S.provider == provider, _S.poll_at <= now, _unfollowed(now))
        due = first.order_by(_S.poll_at).limit(limit).subquery()
        query = select(_P.key, _P.session_key).join(due, (_P.provider == provider) & (_P.session_key == due.c.key))
        async with self._engine.connect() as connection:
            return dict((await connection.execute(query)).all())

    async def due_awaiting_results(self, provider: str, now: datetime, limit: int) -> list[str]:
        """Sessions that are due and whose results are still being made, most overdue first."""
        query = select(_S.key).where(_S.provider == provider, _S.poll_at <= now, _AWAITS_RESULTS)
        return await self._keys(query.order_by(_S.poll_at).limit(limit))

    async def next_followed_at(self, provider: str, now: datetime) -> datetime | None:
        """When the next of those that somebody follows is due."""
        query = select(type_coerce(func.min(_at), Instant())).where(_S.provider == provider, _S.watched_until > now)
        async with self._engine.connect() as connection:
            found: datetime | None = (await connection.execute(query)).scalar()
        return found

    async def next_unfollowed_at(self, provider: str, now: datetime) -> datetime | None:
        """When the next of those that nobody follows is due."""
        query = select(_S.poll_at).where(_S.provider == provider, _S.poll_at.is_not(None), _unfollowed(now))
        async with self._engine.connect() as connection:
            return (await connection.execute(query.order_by(_S.poll_at).limit(1))).scalar()

    async def count_open(self, provider: str) -> int:
        """How many sessions of a provider are in a status that is not final, as lists and counts show them."""
        still_open = (_S.provider == provider, _S.settled.is_(False), _S.status.not_in(_FINAL))
        query = select(func.count()).select_from(tables.session).where(*still_open)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()

    async def sessions_of_rows(self, provider: str, rows: Collection[str]) -> list[str]:
        """The sessions that can still change and that rows of the provider's list tell everything of."""
        whole = (_S.provider == _P.provider) & (_S.key == _P.session_key)
        query = select(_S.key).distinct().select_from(tables.part.join(tables.session, whole))
        query = query.where(_P.provider == provider, among(rows, _P.key), _S.poll_at.is_not(None), ~_AWAITS_RESULTS)
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def reschedule(self, provider: str, keys: Iterable[str], now: datetime, plan: Plan) -> None:
        """Says of sessions that can still change when they are looked at again; those without a plan stay as they are."""
        for some in _batches(sorted(set(keys))):
            async with self._engine.begin() as connection:
                courses = await self._courses(connection, provider, some)
                planned = [(course, times) for course in courses if (times := plan(course)) is not None]
                rows = [
                    {"it": course.key, "unfollowed": each.unfollowed, "followed": each.followed} for course, each in planned
                ]
                if rows:
                    await connection.execute(_rescheduled(provider, now), rows)

    async def follow(self, refs: Iterable[SessionRef], until: datetime, soon: Mapping[str, datetime]) -> set[SessionRef]:
        """Somebody follows sessions: they are due by ``soon``, given by provider. Gives those that are there."""
        by_provider: dict[str, list[str]] = defaultdict(list)
        for ref in refs:
            by_provider[ref.provider].append(ref.key)
        found: set[SessionRef] = set()
        for provider, keys in sorted(by_provider.items()):
            for some in _batches(sorted(keys)):
                async with self._engine.begin() as connection:
                    there = await self._courses(connection, provider, some, can_change=False)
                    await connection.execute(_followed(provider, some, until, soon[provider]))
                found |= {SessionRef(provider, course.key) for course in there}
        return found

    async def _courses(
        self, connection: AsyncConnection, provider: str, keys: Sequence[str], *, can_change: bool = True
    ) -> list[PollCandidate]:
        """Locked, in an order that is the same everywhere, until the transaction ends."""
        query = select(_S.key, _S.changed_at, _S.due_at, _S.poll_at, _S.settled)
        query = query.where(_S.provider == provider, _S.key.in_(keys), *([_CAN_CHANGE] if can_change else []))
        return [PollCandidate(*row) for row in await connection.execute(query.order_by(_S.key).with_for_update())]

    async def _keys(self, query: Select[str]) -> list[str]:
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())


def _unfollowed(now: datetime) -> ColumnElement[bool]:
    return or_(_S.watched_until.is_(None), _S.watched_until <= now)


def _rescheduled(provider: str, now: datetime) -> Update:
    unfollowed, followed = (bindparam(name, type_=Instant()) for name in ("unfollowed", "followed"))
    times = case((_S.watched_until > now, followed), else_=unfollowed)
    mine = (_S.provider == provider, _S.key == bindparam("it"), _CAN_CHANGE)
    return update(tables.session).where(*mine).values(poll_at=times)


def _followed(provider: str, keys: Sequence[str], until: datetime, soon: datetime) -> Update:
    sooner = case((_S.poll_at <= soon, _S.poll_at), else_=literal(soon, Instant()))
    mine = (_S.provider == provider, _S.key.in_(keys), _CAN_CHANGE)
    return update(tables.session).where(*mine).values(watched_until=until, poll_at=sooner)


def _batches(items: Sequence[str]) -> Iterable[list[str]]:
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
