"""Writes of several calls: what each has made so far, so that another gateway can unmake it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store import table
from gateway.store.upsert import upsert
from providers.order import Step

_G = table.saga.c
_M = table.step.c
_P = table.promise.c


class SagaState(StrEnum):
    """How far a saga is; one that is done or undone is forgotten.

    RUNNING means that its work is under way, UNDOING that it failed and is being undone, IN_DOUBT that it could not
    be undone yet, LEFT that something it made could not be removed, or may be there without our knowing.
    """

    RUNNING = "RUNNING"
    UNDOING = "UNDOING"
    IN_DOUBT = "IN_DOUBT"
    LEFT = "LEFT"


class Overtaken(Exception):
    """Another gateway has taken this one for dead, and undoes what it was doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saga:
    """A write of several calls. ``marker`` is in everything it made, where the provider has room for one.

    ``result`` is the session that it came to, encoded, once it can only be finished: its steps are what has to go then.
    """

    id: str
    provider: str
    marker: str
    owner: str
    begun_at: datetime
    state: SagaState = SagaState.RUNNING
    result: bytes | None = None
    note: str | None = None


class Sagas:
    """Sagas and the gateways that run them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, saga: Saga, promise: str | None = None) -> None:
        """Keeps a saga before its first call is made, and with it whose idempotency key it is.

        Raises ``Overtaken`` where the key is in other hands by now.
        """
        values = {name: getattr(saga, name) for name in Saga.__dataclass_fields__}
        mine = (_P.key == promise, _P.owner == saga.owner, _P.saga.is_(None), _P.result.is_(None))
        async with self._engine.begin() as connection:
            if promise is not None:
                bound = await connection.execute(update(table.promise).where(*mine).values(saga=saga.id))
                if bound.rowcount != 1:
                    raise Overtaken
            await connection.execute(insert(table.saga).values(**values))

    async def made(self, saga: Saga, place: int, step: Step) -> None:
        """Keeps what a call has made, right after it, or is about to make. Raises ``Overtaken``."""
        async with self._engine.begin() as connection:
            await hold(connection, saga.id, saga.owner)
            await upsert(connection, table.step, _row(saga.id, place, step))

    async def replaced(self, saga: Saga, result: bytes, old: Sequence[Step]) -> None:
        """From now on the saga is finished, not undone: its result stays, and what was before goes. Raises ``Overtaken``."""
        rows = [_row(saga.id, place, step) for place, step in enumerate(old)]
        async with self._engine.begin() as connection:
            await hold(connection, saga.id, saga.owner)
            await connection.execute(update(table.saga).where(_G.id == saga.id).values(result=result))
            await connection.execute(delete(table.step).where(_M.saga == saga.id))
            if rows:
                await connection.execute(insert(table.step), rows)

    async def since(self, provider: str) -> datetime | None:
        """When the first of those that are at work at a provider, or being undone there, was begun."""
        at_work = _G.state.in_([SagaState.RUNNING, SagaState.UNDOING])
        query = select(func.min(_G.begun_at)).where(_G.provider == provider, at_work)
        async with self._engine.connect() as connection:
            begun: datetime | None = (await connection.execute(query)).scalar_one()
        return begun

    async def unmade(self, saga: str, place: int) -> None:
        """Notes that what a call made is gone again."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(table.step).where(_M.saga == saga, _M.place == place))

    async def give_up(self, saga: Saga, owner: str) -> Saga | None:
        """From now on this gateway puts a saga right; gives it as it is now.

        None where it has ended, or another gateway was faster.
        """
        state = SagaState.UNDOING if saga.state is SagaState.RUNNING else saga.state
        given_up = update(table.saga).where(_G.id == saga.id, _G.owner == saga.owner, _G.state == saga.state)
        async with self._engine.begin() as connection:
            if (await connection.execute(given_up.values(owner=owner, state=state))).rowcount != 1:
                return None
        return next(iter(await self._where(_G.id == saga.id)), None)

    async def doubt(self, saga: str) -> None:
        """Notes that a saga could not be undone yet."""
        async with self._engine.begin() as connection:
            await connection.execute(update(table.saga).where(_G.id == saga).values(state=SagaState.IN_DOUBT))

    async def end(self, saga: str, note: str | None = None) -> None:
        """Notes that a saga is undone but for what the note says. The key that it was done for is free again."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(table.promise).where(_P.saga == saga))
            await close(connection, saga, note)

    async def steps(self, saga: str) -> list[tuple[int, Step]]:
        """What a saga has made and what is still there, in order."""
        query = select(_M.place, _M.name, _M.key).where(_M.saga == saga).order_by(_M.place)
        async with self._engine.connect() as connection:
            return [(place, Step(name, key)) for place, name, key in await connection.execute(query)]

    async def left(self) -> list[Saga]:
        """Sagas that left something behind."""
        return await self._where(_G.state == SagaState.LEFT)

    async def unfinished(self, owner: str, before: datetime) -> list[Saga]:
        """Sagas to be looked after: those of this gateway, and of gateways that have not been seen since."""
        alive = select(table.gateway.c.id).where(table.gateway.c.seen_at >= before)
        return await self._where(_G.state != SagaState.LEFT, (_G.owner == owner) | _G.owner.not_in(alive))

    async def in_doubt(self, saga: str) -> bool:
        """Whether a saga has failed and could not be undone yet."""
        return bool(await self._where(_G.id == saga, _G.state == SagaState.IN_DOUBT))

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

    async def bury(self, before: datetime) -> None:
        """Forgets gateways that have not been seen since."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(table.gateway).where(table.gateway.c.seen_at < before))

    async def _where(self, *conditions: ColumnElement[bool]) -> list[Saga]:
        query = select(_G.id, _G.provider, _G.marker, _G.owner, _G.begun_at, _G.state, _G.result, _G.note).where(*conditions)
        async with self._engine.connect() as connection:
            return [Saga(**{**row, "state": SagaState(row["state"])}) for row in (await connection.execute(query)).mappings()]


async def hold(connection: AsyncConnection, saga: str, owner: str) -> None:
    """Makes sure, until the transaction ends, that nobody else takes a saga. Raises ``Overtaken`` where somebody has."""
    mine = update(table.saga).where(_G.id == saga, _G.owner == owner, _G.state != SagaState.LEFT)
    if (await connection.execute(mine.values(owner=owner))).rowcount != 1:
        raise Overtaken


def _row(saga: str, place: int, step: Step) -> dict[str, str | int]:
    return {"saga": saga, "place": place, "name": step.name, "key": step.key}


async def close(connection: AsyncConnection, saga: str, note: str | None) -> None:
    """Removes a saga and its steps, within a transaction; one that left something stays for the note to be read."""
    if note is not None:
        await connection.execute(update(table.saga).where(_G.id == saga).values(state=SagaState.LEFT, note=note))
        return
    await connection.execute(delete(table.step).where(_M.saga == saga))
    await connection.execute(delete(table.saga).where(_G.id == saga))
