"""Leases in the database: what one gateway does at a time, and heartbeats by which gateways count as alive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, not_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import tables
from gateway.store.engine.upsert import upsert, upsert_where
from gateway.store.sagas import SagaState

_G = tables.gateway.c
_L = tables.lease.c
_K = tables.idempotency_key.c
_S = tables.saga.c


class Leases:
    """Named leases. One that is not renewed in time is lost, as measured by the clocks of the gateways."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def acquire(self, names: Iterable[str], owner: str, now: datetime, ttl: timedelta) -> Mapping[str, datetime]:
        """Acquires leases that are free, and renews those of this owner; returns when each that it then holds expires.

        A lease with more than two thirds of its time left is not renewed yet, which saves a write.
        """
        requested = sorted(set(names))
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(tables.lease).where(_L.name.in_(requested)))).all()
        by_name = {row.name: row for row in rows}
        held = {row.name: row.expires_at for row in rows if row.owner == owner and row.expires_at > now + ttl * 2 / 3}
        free = [name for name in requested if name not in held and _is_free(by_name.get(name), owner, now)]
        if free:
            held |= dict.fromkeys(await self._write(free, owner, now, now + ttl), now + ttl)
        return held

    async def release(self, names: Iterable[str], owner: str) -> None:
        """Releases leases of this owner, so that another gateway can acquire them at once."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.lease).where(_L.name.in_(list(names)), _L.owner == owner))

    async def _write(self, names: Iterable[str], owner: str, now: datetime, until: datetime) -> list[str]:
        """Writes leases that are still free, or this owner's; returns their names."""
        rows = [{"name": name, "owner": owner, "expires_at": until} for name in names]
        free = (_L.owner == owner) | (_L.expires_at <= now)
        async with self._engine.begin() as connection:
            return list(await upsert_where(connection, tables.lease, rows, free, _L.name))


class Gateways:
    """Heartbeats of the gateways that share this database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def heartbeat(self, owner: str, now: datetime) -> None:
        """Records that a gateway is alive."""
        async with self._engine.begin() as connection:
            await upsert(connection, tables.gateway, {"id": owner, "seen_at": now})

    async def is_alive(self, owner: str, since: datetime) -> bool:
        """Whether a gateway has had a heartbeat since then."""
        query = select(_G.id).where(_G.id == owner, _G.seen_at >= since)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def release(self, owner: str) -> None:
        """Deletes the heartbeat of a gateway that has stopped.

        One that has stopped with calls in flight counts as alive for the rest of its lease: by then they have landed.
        """
        sagas = select(_S.id).where(_S.owner == owner, _S.state != SagaState.LEFT)
        keys = select(_K.key).where(_K.owner == owner, _K.result.is_(None), _K.saga.is_(None), _K.before.is_not(None))
        heartbeat = delete(tables.gateway).where(_G.id == owner, not_(sagas.exists()), not_(keys.exists()))
        async with self._engine.begin() as connection:
            await connection.execute(heartbeat)

    async def prune(self, before: datetime) -> None:
        """Deletes the heartbeats of gateways that are dead since before then."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.gateway).where(_G.seen_at < before))


def _is_free(row: object, owner: str, now: datetime) -> bool:
    return row is None or row.owner == owner or row.expires_at <= now  # type: ignore[attr-defined]
