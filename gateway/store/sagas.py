"""Sagas: what each has made so far, so that another gateway can roll it forward or compensate it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store import tables
from gateway.store.engine.upsert import upsert
from providers.saga import Step

_G = tables.saga.c
_M = tables.step.c
_P = tables.promise.c


class SagaState(StrEnum):
    """How far a saga is; one that is done or undone is forgotten.

    RUNNING means that its work is under way, UNDOING that it failed and is being rolled forward or compensated, IN_DOUBT
    that neither could be done yet, LEFT that something it made could not be removed, or may be there unseen.
    """

    RUNNING = "RUNNING"
    UNDOING = "UNDOING"
    IN_DOUBT = "IN_DOUBT"
    LEFT = "LEFT"


class LeaseLost(Exception):
    """Another gateway has taken this one for dead, and settles what it was doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saga:
    """A write of several calls. ``marker`` is in everything it made, where the provider has room for one.

    ``pivot`` is what it takes to roll it forward, encoded, once people may have been invited. ``result`` is the session
    that it came to, encoded, once it can only be finished: its steps are what has to go then. ``note`` is what it has
    left behind, a line for each thing, ``reason`` why, and ``left_at`` since when.
    """

    id: str
    provider: str
    marker: str
    owner: str
    begun_at: datetime
    state: SagaState = SagaState.RUNNING
    result: bytes | None = None
    note: str | None = None
    operation: str | None = None
    pivot: bytes | None = None
    reason: str | None = None
    left_at: datetime | None = None

    @property
    def left_since(self) -> datetime:
        """When it was left; a build that did not say so told when it had begun."""
        return self.left_at or self.begun_at


@dataclass(frozen=True, slots=True)
class SagaLeftover:
    """What a saga leaves behind at its provider, and why it could not be removed.

    ``live`` says that a session may be among it: then its idempotency key must not make another one.
    """

    things: tuple[str, ...]
    reason: str
    at: datetime
    live: bool = True


class Sagas:
    """Sagas and the gateways that run them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, saga: Saga, promise: str | None = None) -> None:
        """Keeps a saga before its first call is made, and with it whose idempotency key it is.

        Raises ``LeaseLost`` where the key is in other hands by now.
        """
        values = {name: getattr(saga, name) for name in Saga.__dataclass_fields__}
        mine = (_P.key == promise, _P.owner == saga.owner, _P.saga.is_(None), _P.result.is_(None))
        async with self._engine.begin() as connection:
            if promise is not None:
                bound = await connection.execute(update(tables.promise).where(*mine).values(saga=saga.id))
                if bound.rowcount != 1:
                    raise LeaseLost
            await connection.execute(insert(tables.saga).values(**values))

    async def record_step(self, saga: Saga, place: int, step: Step) -> None:
        """Keeps what a call has made, right after it, or is about to make. Raises ``LeaseLost``."""
        async with self._engine.begin() as connection:
            await lock_saga(connection, saga.id, saga.owner)
            await upsert(connection, tables.step, _row(saga.id, place, step))

    async def record_replacement(self, saga: Saga, result: bytes, old: Sequence[Step]) -> None:
        """From now on the saga is finished, not undone: its result stays, and what was before goes. Raises ``LeaseLost``."""
        rows = [_row(saga.id, place, step) for place, step in enumerate(old)]
        async with self._engine.begin() as connection:
            await lock_saga(connection, saga.id, saga.owner)
            await connection.execute(update(tables.saga).where(_G.id == saga.id).values(result=result))
            await connection.execute(delete(tables.step).where(_M.saga == saga.id))
            if rows:
                await connection.execute(insert(tables.step), rows)

    async def pass_pivot(self, saga: Saga, pivot: bytes) -> None:
        """From now on the saga is rolled forward. Raises ``LeaseLost``."""
        async with self._engine.begin() as connection:
            await lock_saga(connection, saga.id, saga.owner)
            await connection.execute(update(tables.saga).where(_G.id == saga.id).values(pivot=pivot))

    async def oldest_begun_at(self, provider: str) -> datetime | None:
        """When the first of those that are open at a provider was begun."""
        query = select(func.min(_G.begun_at)).where(_G.provider == provider, _G.state != SagaState.LEFT)
        async with self._engine.connect() as connection:
            begun: datetime | None = (await connection.execute(query)).scalar_one()
        return begun

    async def delete_step(self, saga: str, place: int) -> None:
        """Notes that what a call made is gone again."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.step).where(_M.saga == saga, _M.place == place))

    async def take_over(self, saga: Saga, owner: str, *, forward: bool = True) -> Saga | None:
        """From now on this gateway settles a saga; gives it as it is now, without its pivot unless it goes ``forward``.

        None where it has ended, or another gateway was faster.
        """
        values = {"owner": owner, "state": SagaState.IN_DOUBT if saga.state is SagaState.IN_DOUBT else SagaState.UNDOING}
        given_up = update(tables.saga).where(_G.id == saga.id, _G.owner == saga.owner, _G.state == saga.state)
        async with self._engine.begin() as connection:
            taken = given_up.values(**values) if forward else given_up.values(**values, pivot=None)
            if (await connection.execute(taken)).rowcount != 1:
                return None
        return await self.get(saga.id)

    async def get(self, saga: str) -> Saga | None:
        """A saga that is open, or has left something behind."""
        return next(iter(await self._where(_G.id == saga)), None)

    async def mark_in_doubt(self, saga: str) -> None:
        """Notes that a saga could not be settled yet."""
        async with self._engine.begin() as connection:
            await connection.execute(update(tables.saga).where(_G.id == saga).values(state=SagaState.IN_DOUBT))

    async def finish_compensation(self, saga: str, remainder: SagaLeftover | None = None) -> None:
        """Notes that a saga is compensated but for the remainder.

        The key that it was done for is free again; where something is left that people may act on, that is its outcome.
        """
        async with self._engine.begin() as connection:
            if remainder is None or not remainder.live:
                await connection.execute(delete(tables.promise).where(_P.saga == saga))
            await close_saga(connection, saga, remainder)

    async def steps(self, saga: str) -> list[tuple[int, Step]]:
        """What a saga has made and what is still there, in order."""
        query = select(_M.place, _M.name, _M.key).where(_M.saga == saga).order_by(_M.place)
        async with self._engine.connect() as connection:
            return [(place, Step(name, key)) for place, name, key in await connection.execute(query)]

    async def leftovers(self, providers: Collection[str], limit: int, after: tuple[datetime, str] | None = None) -> list[Saga]:
        """Sagas that left something behind at one of these providers, the latest first."""
        at = func.coalesce(_G.left_at, _G.begun_at)
        query = _sagas().where(_G.state == SagaState.LEFT, _G.provider.in_(providers))
        if after is not None:
            query = query.where((at < after[0]) | ((at == after[0]) & (_G.id < after[1])))
        return await self._read(query.order_by(at.desc(), _G.id.desc()).limit(limit))

    async def unfinished(self, owner: str, before: datetime | None) -> list[Saga]:
        """Sagas to be settled: those of this gateway, and of gateways that have not been seen since ``before``."""
        mine = _G.owner == owner
        if before is not None:
            alive = select(tables.gateway.c.id).where(tables.gateway.c.seen_at >= before)
            mine |= _G.owner.not_in(alive)
        return await self._where(_G.state != SagaState.LEFT, mine)

    async def _where(self, *conditions: ColumnElement[bool]) -> list[Saga]:
        return await self._read(_sagas().where(*conditions))

    async def _read(self, query: Select[Any]) -> list[Saga]:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query.where(_G.state.in_(sorted(SagaState))))).mappings().all()
        return [Saga(**{**row, "state": SagaState(row["state"])}) for row in rows]


async def lock_saga(connection: AsyncConnection, saga: str, owner: str) -> None:
    """Makes sure, until the transaction ends, that nobody else takes a saga. Raises ``LeaseLost`` where somebody has."""
    mine = update(tables.saga).where(_G.id == saga, _G.owner == owner, _G.state != SagaState.LEFT)
    if (await connection.execute(mine.values(owner=owner))).rowcount != 1:
        raise LeaseLost


def _row(saga: str, place: int, step: Step) -> dict[str, str | int]:
    return {"saga": saga, "place": place, "name": step.name, "key": step.key}


def _sagas() -> Select[Any]:
    return select(*(_G[name] for name in Saga.__dataclass_fields__))


async def close_saga(connection: AsyncConnection, saga: str, remainder: SagaLeftover | None, *, kept: bool = False) -> None:
    """Removes a saga and its steps, within a transaction; one that left something stays until that is resolved.

    Where its result was ``kept``, nothing that carries its marker is searched for any more: that is the result.
    """
    if remainder is not None:
        left = {"note": "\n".join(remainder.things), "reason": remainder.reason, "left_at": remainder.at}
        ended = {"state": SagaState.LEFT, "pivot": None, "result": None, **({"marker": ""} if kept else {})}
        await connection.execute(update(tables.saga).where(_G.id == saga).values(**left, **ended))
        return
    await connection.execute(delete(tables.step).where(_M.saga == saga))
    await connection.execute(delete(tables.saga).where(_G.id == saga))
