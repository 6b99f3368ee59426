"""Writes of several calls: what each has made so far, so that another gateway can unmake it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import table
from gateway.store.upsert import upsert
from providers.order import Step

_G = table.saga.c
_M = table.step.c


class SagaState(StrEnum):
    """How far a saga is. LEFT means that something it made could not be removed, or may be there without our knowing."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    UNDONE = "UNDONE"
    LEFT = "LEFT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saga:
    """A write of several calls. ``marker`` is in everything it made, where the provider has room for one."""

    id: str
    provider: str
    marker: str
    owner: str
    begun_at: datetime
    state: SagaState = SagaState.RUNNING
    note: str | None = None


class Sagas:
    """Sagas and the gateways that run them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, saga: Saga) -> None:
        """Keeps a saga before its first call is made."""
        values = {name: getattr(saga, name) for name in Saga.__dataclass_fields__}
        async with self._engine.begin() as connection:
            await connection.execute(insert(table.saga).values(**values))

    async def made(self, saga: str, place: int, step: Step) -> None:
        """Keeps what a call has made, right after it."""
        async with self._engine.begin() as connection:
            await connection.execute(insert(table.step).values(saga=saga, place=place, name=step.name, key=step.key))

    async def unmade(self, saga: str, place: int) -> None:
        """Notes that what a call made is gone again."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(table.step).where(_M.saga == saga, _M.place == place))

    async def end(self, saga: str, state: SagaState, note: str | None = None) -> None:
        """Notes how a saga ended; one that left nothing behind is forgotten."""
        async with self._engine.begin() as connection:
            if state is SagaState.LEFT:
                await connection.execute(update(table.saga).where(_G.id == saga).values(state=state, note=note))
                return
            await connection.execute(delete(table.step).where(_M.saga == saga))
            await connection.execute(delete(table.saga).where(_G.id == saga))

    async def steps(self, saga: str) -> list[tuple[int, Step]]:
        """What a saga has made and what is still there, in order."""
        query = select(_M.place, _M.name, _M.key).where(_M.saga == saga).order_by(_M.place)
        async with self._engine.connect() as connection:
            return [(place, Step(name, key)) for place, name, key in (await connection.execute(query)).tuples()]

    async def left(self) -> list[Saga]:
        """Sagas that left something behind."""
        return await self._where(_G.state == SagaState.LEFT)

    async def abandoned(self, before: datetime) -> list[Saga]:
        """Running sagas of gateways that have not been seen since."""
        alive = select(table.gateway.c.id).where(table.gateway.c.seen_at >= before)
        return await self._where(_G.state == SagaState.RUNNING, _G.owner.not_in(alive))

    async def running(self, owner: str) -> list[Saga]:
        """Running sagas of a gateway."""
        return await self._where(_G.state == SagaState.RUNNING, _G.owner == owner)

    async def claim(self, saga: Saga, owner: str) -> bool:
        """Takes over an abandoned saga; False where another gateway was faster."""
        mine = update(table.saga).where(_G.id == saga.id, _G.owner == saga.owner).values(owner=owner)
        async with self._engine.begin() as connection:
            return (await connection.execute(mine)).rowcount == 1

    async def beat(self, owner: str, now: datetime) -> None:
        """Notes that a gateway is alive."""
        async with self._engine.begin() as connection:
            await upsert(connection, table.gateway, {"id": owner, "seen_at": now})

    async def alive(self, owner: str, since: datetime) -> bool:
        """Whether a gateway was seen since."""
        query = select(table.gateway.c.id).where(table.gateway.c.id == owner, table.gateway.c.seen_at >= since)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def leave(self, owner: str) -> None:
        """Notes that a gateway has stopped in order."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(table.gateway).where(table.gateway.c.id == owner))

    async def _where(self, *conditions: object) -> list[Saga]:
        query = select(_G.id, _G.provider, _G.marker, _G.owner, _G.begun_at, _G.state, _G.note).where(*conditions)  # type: ignore[arg-type]
        async with self._engine.connect() as connection:
            return [Saga(**{**row, "state": SagaState(row["state"])}) for row in (await connection.execute(query)).mappings()]
