"""Poll queue: when each session is read again, and until when it is followed."""

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
from gateway.store.engine.membership import in_values
from providers.model import SessionKind, SessionRef, SessionStatus

_S = tables.session.c
_R = tables.list_row.c
_BATCH_SIZE = 500
_FINAL = [each.value for each in SessionStatus if each.final]
_CAN_CHANGE = or_(_S.settled.is_(False), _S.kind == SessionKind.RECORD.value)
"""A record is settled from the start, yet may get another version."""

_AWAITS_RESULTS = and_(
    _S.settled.is_(False),
    or_(_S.status == SessionStatus.PROCESSING.value, _S.status.in_(sorted(each.value for each in SessionStatus if each.final))),
)
"""Nobody needs to act any more, but a result is still being made, which a row of a list need not show."""

_at = type_coerce(_S.poll_at, BigInteger) + 0
"""The same time without its index: followed sessions are few, and found by their own index."""


@dataclass(frozen=True, slots=True)
class PollCandidate:
    """Session to be scheduled; ``due_at`` is its due sort key, far in the future where it has no due date."""

    key: str
    changed_at: datetime
    due_at: datetime
    poll_at: datetime | None
    settled: bool


@dataclass(frozen=True, slots=True)
class PollTimes:
    """When a session is read again, while it is not followed (None: never) and while it is."""

    unfollowed: datetime | None
    followed: datetime


Plan = Callable[[PollCandidate], PollTimes | None]


class PollQueue:
    """Queue of sessions by when they are read again. No query reads more rows than it returns."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def due_followed(self, provider: str, now: datetime, limit: int) -> list[str]:
        """Followed sessions that are due, most overdue first."""
        query = select(_S.key).where(_S.provider == provider, _S.watched_until > now, _at <= literal(now, Instant()))
        return await self._keys(query.order_by(_at).limit(limit))

    async def due_unfollowed(self, provider: str, now: datetime, limit: int) -> list[str]:
        """Sessions that are not followed and that are due, most overdue first."""
        query = select(_S.key).where(_S.provider == provider, _S.poll_at <= now, _unfollowed(now))
        return await self._keys(query.order_by(_S.poll_at).limit(limit))

    async def due_rows(self, provider: str, now: datetime, limit: int) -> Mapping[str, str]:
        """Session keys by the rows of the provider's list, of sessions that are not followed and that are due."""
        first = select(_S.key).where(_S.provider == provider, _S.poll_at <= now, _unfollowed(now))
        due = first.order_by(_S.poll_at).limit(limit).subquery()
        query = select(_R.key, _R.session_key).join(due, (_R.provider == provider) & (_R.session_key == due.c.key))
        async with self._engine.connect() as connection:
            return dict((await connection.execute(query)).all())

    async def due_awaiting_results(self, provider: str, now: datetime, limit: int) -> list[str]:
        """Sessions that are due and wait for their results, most overdue first."""
        query = select(_S.key).where(_S.provider == provider, _S.poll_at <= now, _AWAITS_RESULTS)
        return await self._keys(query.order_by(_S.poll_at).limit(limit))

    async def next_followed_at(self, provider: str, now: datetime) -> datetime | None:
        """When the next followed session is due."""
        query = select(type_coerce(func.min(_at), Instant())).where(_S.provider == provider, _S.watched_until > now)
        async with self._engine.connect() as connection:
            due_at: datetime | None = (await connection.execute(query)).scalar()
        return due_at

    async def next_unfollowed_at(self, provider: str, now: datetime) -> datetime | None:
        """When the next session that is not followed is due."""
        query = select(_S.poll_at).where(_S.provider == provider, _S.poll_at.is_not(None), _unfollowed(now))
        async with self._engine.connect() as connection:
            return (await connection.execute(query.order_by(_S.poll_at).limit(1))).scalar()

    async def count_open(self, provider: str) -> int:
        """Counts the sessions of a provider whose status is not final."""
        unfinished = (_S.provider == provider, _S.settled.is_(False), _S.status.not_in(_FINAL))
        query = select(func.count()).select_from(tables.session).where(*unfinished)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()

    async def sessions_of_rows(self, provider: str, rows: Collection[str]) -> list[str]:
        """Sessions of these list rows that can still change, and of which the rows show every change."""
        same = (_S.provider == _R.provider) & (_S.key == _R.session_key)
        query = select(_S.key).distinct().select_from(tables.list_row.join(tables.session, same))
        query = query.where(_R.provider == provider, in_values(rows, _R.key), _S.poll_at.is_not(None), ~_AWAITS_RESULTS)
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def reschedule(self, provider: str, keys: Iterable[str], now: datetime, plan: Plan) -> None:
        """Schedules sessions that can still change; one for which ``plan`` returns None stays as it is."""
        for batch in _batches(sorted(set(keys))):
            async with self._engine.begin() as connection:
                candidates = await self._lock_candidates(connection, provider, batch)
                planned = [(each, times) for each in candidates if (times := plan(each)) is not None]
                rows = [
                    {"session": each.key, "unfollowed": times.unfollowed, "followed": times.followed} for each, times in planned
                ]
                if rows:
                    await connection.execute(_update_poll_at(provider, now), rows)

    async def follow(self, refs: Iterable[SessionRef], until: datetime, soon: Mapping[str, datetime]) -> set[SessionRef]:
        """Marks sessions as followed until then, and due by ``soon``, a time for each provider. Returns those that exist."""
        by_provider: dict[str, list[str]] = defaultdict(list)
        for ref in refs:
            by_provider[ref.provider].append(ref.key)
        existing: set[SessionRef] = set()
        for provider, keys in sorted(by_provider.items()):
            for batch in _batches(sorted(keys)):
                async with self._engine.begin() as connection:
                    candidates = await self._lock_candidates(connection, provider, batch, can_change=False)
                    await connection.execute(_update_watched_until(provider, batch, until, soon[provider]))
                existing |= {SessionRef(provider, each.key) for each in candidates}
        return existing

    async def _lock_candidates(
        self, connection: AsyncConnection, provider: str, keys: Sequence[str], *, can_change: bool = True
    ) -> list[PollCandidate]:
        """Reads sessions, and locks them in order of their keys, so that concurrent writers cannot deadlock."""
        query = select(_S.key, _S.changed_at, _S.due_at, _S.poll_at, _S.settled)
        query = query.where(_S.provider == provider, _S.key.in_(keys), *([_CAN_CHANGE] if can_change else []))
        return [PollCandidate(*row) for row in await connection.execute(query.order_by(_S.key).with_for_update())]

    async def _keys(self, query: Select[str]) -> list[str]:
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())


def _unfollowed(now: datetime) -> ColumnElement[bool]:
    return or_(_S.watched_until.is_(None), _S.watched_until <= now)


def _update_poll_at(provider: str, now: datetime) -> Update:
    unfollowed, followed = (bindparam(name, type_=Instant()) for name in ("unfollowed", "followed"))
    times = case((_S.watched_until > now, followed), else_=unfollowed)
    same = (_S.provider == provider, _S.key == bindparam("session"), _CAN_CHANGE)
    return update(tables.session).where(*same).values(poll_at=times)


def _update_watched_until(provider: str, keys: Sequence[str], until: datetime, soon: datetime) -> Update:
    sooner = case((_S.poll_at <= soon, _S.poll_at), else_=literal(soon, Instant()))
    same = (_S.provider == provider, _S.key.in_(keys), _CAN_CHANGE)
    return update(tables.session).where(*same).values(watched_until=until, poll_at=sooner)


def _batches(items: Sequence[str]) -> Iterable[list[str]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH_SIZE)):
        yield batch
