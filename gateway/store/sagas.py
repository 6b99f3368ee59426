"""Sagas: the steps of each write of several calls, so that any gateway can roll it forward or compensate it."""

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
_K = tables.idempotency_key.c


class SagaState(StrEnum):
    """State of a saga; one that is committed or compensated is deleted.

    RUNNING: its calls are under way. UNDOING: it failed, and is being rolled forward or compensated. IN_DOUBT: neither has
    succeeded yet. LEFT: something that it created could not be removed, or may exist unseen.
    """

    RUNNING = "RUNNING"
    UNDOING = "UNDOING"
    IN_DOUBT = "IN_DOUBT"
    LEFT = "LEFT"


class LeaseLost(Exception):
    """Another gateway counts this one as dead, and has taken over its saga."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saga:
    """Write of several calls. ``marker`` is in everything that it creates, where the provider has room for one.

    ``pivot`` is the encoded order by which it is rolled forward, once people may have been invited. ``result`` is the
    encoded session that it resulted in, once it can only be finished: its steps are then what has to be removed. ``note``
    lists what it has left behind, a line for each thing, ``reason`` says why, and ``left_at`` since when.
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
        """Since when its leftover exists; a former build recorded only when the saga had begun."""
        return self.left_at or self.begun_at


@dataclass(frozen=True, slots=True)
class SagaLeftover:
    """Leftover of a saga: things that exist at its provider, and why they could not be removed.

    ``live`` says that a session may be among them, so that the idempotency key must not create another one.
    """

    things: tuple[str, ...]
    reason: str
    at: datetime
    live: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaCommit:
    """Commit of a saga that this gateway owns, with the ``result`` of its idempotency key, which is kept ``until`` then."""

    saga: str
    owner: str
    result: bytes
    until: datetime
    leftover: SagaLeftover | None = None


class Sagas:
    """Repository of sagas and their steps."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, saga: Saga, key: str | None = None) -> None:
        """Inserts a saga before its first call, and binds its idempotency key to it.

        Raises ``LeaseLost`` where another gateway has taken over the key.
        """
        values = {name: getattr(saga, name) for name in Saga.__dataclass_fields__}
        unbound = (_K.key == key, _K.owner == saga.owner, _K.saga.is_(None), _K.result.is_(None))
        async with self._engine.begin() as connection:
            if key is not None:
                bound = await connection.execute(update(tables.idempotency_key).where(*unbound).values(saga=saga.id))
                if bound.rowcount != 1:
                    raise LeaseLost
            await connection.execute(insert(tables.saga).values(**values))

    async def record_step(self, saga: Saga, place: int, step: Step) -> None:
        """Records what a call has created, right after it, or is about to create. Raises ``LeaseLost``."""
        async with self._engine.begin() as connection:
            await lock_saga(connection, saga.id, saga.owner)
            await upsert(connection, tables.step, _step_row(saga.id, place, step))

    async def record_replacement(self, saga: Saga, result: bytes, old: Sequence[Step]) -> None:
        """Records the result of a saga, whose steps are from now on the old things to remove. Raises ``LeaseLost``."""
        rows = [_step_row(saga.id, place, step) for place, step in enumerate(old)]
        async with self._engine.begin() as connection:
            await lock_saga(connection, saga.id, saga.owner)
            await connection.execute(update(tables.saga).where(_G.id == saga.id).values(result=result))
            await connection.execute(delete(tables.step).where(_M.saga == saga.id))
            if rows:
                await connection.execute(insert(tables.step), rows)

    async def pass_pivot(self, saga: Saga, pivot: bytes) -> None:
        """Records the pivot of a saga, which is rolled forward from now on. Raises ``LeaseLost``."""
        async with self._engine.begin() as connection:
            await lock_saga(connection, saga.id, saga.owner)
            await connection.execute(update(tables.saga).where(_G.id == saga.id).values(pivot=pivot))

    async def delete_step(self, saga: str, place: int) -> None:
        """Deletes a step once it is compensated."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.step).where(_M.saga == saga, _M.place == place))

    async def take_over(self, saga: Saga, owner: str, *, forward: bool = True) -> Saga | None:
        """Compare-and-set of the owner: makes this gateway settle a saga, without its pivot unless it goes ``forward``.

        Returns it as it is now; None where it has ended, or another gateway was faster.
        """
        values = {"owner": owner, "state": SagaState.IN_DOUBT if saga.state is SagaState.IN_DOUBT else SagaState.UNDOING}
        takeover = update(tables.saga).where(_G.id == saga.id, _G.owner == saga.owner, _G.state == saga.state)
        takeover = takeover.values(**values) if forward else takeover.values(**values, pivot=None)
        async with self._engine.begin() as connection:
            if (await connection.execute(takeover)).rowcount != 1:
                return None
        return await self.get(saga.id)

    async def mark_in_doubt(self, saga: str) -> None:
        """Records that a saga could be neither rolled forward nor compensated yet."""
        async with self._engine.begin() as connection:
            await connection.execute(update(tables.saga).where(_G.id == saga).values(state=SagaState.IN_DOUBT))

    async def finish_compensation(self, saga: str, leftover: SagaLeftover | None = None) -> None:
        """Ends a saga that is compensated except for the leftover.

        Its idempotency key is released, unless the leftover is live: then that is the key's outcome.
        """
        async with self._engine.begin() as connection:
            if leftover is None or not leftover.live:
                await connection.execute(delete(tables.idempotency_key).where(_K.saga == saga))
            await _close_saga(connection, saga, leftover)

    async def get(self, saga: str) -> Saga | None:
        """A saga that has not ended, or has a leftover."""
        return next(iter(await self._where(_G.id == saga)), None)

    async def steps(self, saga: str) -> list[tuple[int, Step]]:
        """The steps of a saga that are not compensated, in order."""
        query = select(_M.place, _M.name, _M.key).where(_M.saga == saga).order_by(_M.place)
        async with self._engine.connect() as connection:
            return [(place, Step(name, key)) for place, name, key in await connection.execute(query)]

    async def oldest_begun_at(self, provider: str) -> datetime | None:
        """When the oldest saga that has not ended at a provider was begun."""
        query = select(func.min(_G.begun_at)).where(_G.provider == provider, _G.state != SagaState.LEFT)
        async with self._engine.connect() as connection:
            begun: datetime | None = (await connection.execute(query)).scalar_one()
        return begun

    async def leftovers(self, providers: Collection[str], limit: int, after: tuple[datetime, str] | None = None) -> list[Saga]:
        """A page of the sagas with a leftover at one of these providers, newest first."""
        at = func.coalesce(_G.left_at, _G.begun_at)
        query = _select_sagas().where(_G.state == SagaState.LEFT, _G.provider.in_(providers))
        if after is not None:
            query = query.where((at < after[0]) | ((at == after[0]) & (_G.id < after[1])))
        return await self._read(query.order_by(at.desc(), _G.id.desc()).limit(limit))

    async def unfinished(self, owner: str, before: datetime | None) -> list[Saga]:
        """Sagas to be settled: those of this gateway, and of gateways whose last heartbeat was before then."""
        of_owner = _G.owner == owner
        if before is not None:
            alive = select(tables.gateway.c.id).where(tables.gateway.c.seen_at >= before)
            of_owner |= _G.owner.not_in(alive)
        return await self._where(_G.state != SagaState.LEFT, of_owner)

    async def _where(self, *conditions: ColumnElement[bool]) -> list[Saga]:
        return await self._read(_select_sagas().where(*conditions))

    async def _read(self, query: Select[Any]) -> list[Saga]:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query.where(_G.state.in_(sorted(SagaState))))).mappings().all()
        return [Saga(**{**row, "state": SagaState(row["state"])}) for row in rows]


async def commit_saga(connection: AsyncConnection, commit: SagaCommit) -> None:
    """Ends a saga and records its key's result, in the transaction that writes its session. Raises ``LeaseLost``."""
    await lock_saga(connection, commit.saga, commit.owner)
    key = update(tables.idempotency_key).where(_K.saga == commit.saga)
    await connection.execute(key.values(result=commit.result, saga=None, expires_at=commit.until))
    await _close_saga(connection, commit.saga, commit.leftover, committed=True)


async def lock_saga(connection: AsyncConnection, saga: str, owner: str) -> None:
    """Locks a saga until the transaction ends. Raises ``LeaseLost`` where another gateway has taken it over."""
    same = update(tables.saga).where(_G.id == saga, _G.owner == owner, _G.state != SagaState.LEFT)
    if (await connection.execute(same.values(owner=owner))).rowcount != 1:
        raise LeaseLost


async def _close_saga(
    connection: AsyncConnection, saga: str, leftover: SagaLeftover | None, *, committed: bool = False
) -> None:
    """Deletes a saga and its steps; one with a leftover stays until that is resolved.

    A ``committed`` one loses its marker: things that carry it are the result, and must not be removed as leftovers.
    """
    if leftover is not None:
        left = {"note": "\n".join(leftover.things), "reason": leftover.reason, "left_at": leftover.at}
        ended = {"state": SagaState.LEFT, "pivot": None, "result": None, **({"marker": ""} if committed else {})}
        await connection.execute(update(tables.saga).where(_G.id == saga).values(**left, **ended))
        return
    await connection.execute(delete(tables.step).where(_M.saga == saga))
    await connection.execute(delete(tables.saga).where(_G.id == saga))


def _step_row(saga: str, place: int, step: Step) -> dict[str, str | int]:
    return {"saga": saga, "place": place, "name": step.name, "key": step.key}


def _select_sagas() -> Select[Any]:
    return select(*(_G[name] for name in Saga.__dataclass_fields__))
