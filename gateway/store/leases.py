"""Leases: what only one gateway does at a time, and which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, not_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import tables
from gateway.store.engine.upsert import upsert, upsert_where
from gateway.store.sagas import SagaState

_G = tables.saga.c
_L = tables.lease.c
_P = tables.promise.c


class Leases:
    """Leases by name. Whoever does not renew one in time has lost it, as far as the clocks of the gateways agree."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def acquire(self, names: Iterable[str], owner: str, now: datetime, lasting: timedelta) -> Mapping[str, datetime]:
        """Takes those that are free and renews those that are ours; gives when each that we then have will end.

        One of which more than two thirds are left is not written again yet.
        """
        wanted = sorted(set(names))
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(tables.lease).where(_L.name.in_(wanted)))).all()
        known = {row.name: row for row in rows}
        ours = {row.name: row.expires_at for row in rows if row.owner == owner and row.expires_at > now + lasting * 2 / 3}
        open_ = [name for name in wanted if name not in ours and _open(known.get(name), owner, now)]
        if open_:
            ours |= dict.fromkeys(await self._take(open_, owner, now, now + lasting), now + lasting)
        return ours

    async def release(self, names: Iterable[str], owner: str) -> None:
        """Gives up those that are ours, so that another gateway can take them at once."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.lease).where(_L.name.in_(list(names)), _L.owner == owner))

    async def _take(self, names: Iterable[str], owner: str, now: datetime, until: datetime) -> list[str]:
        """Those that were still free, or ours, when it came to writing."""
        rows = [{"name": name, "owner": owner, "expires_at": until} for name in names]
        free = (_L.owner == owner) | (_L.expires_at <= now)
        async with self._engine.begin() as connection:
            return list(await upsert_where(connection, tables.lease, rows, free, _L.name))


class Gateways:
    """Heartbeats of the gateways that share this database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def heartbeat(self, owner: str, now: datetime) -> None:
        """Notes that a gateway is alive."""
        async with self._engine.begin() as connection:
            await upsert(connection, tables.gateway, {"id": owner, "seen_at": now})

    async def is_alive(self, owner: str, since: datetime) -> bool:
        """Whether a gateway was seen since."""
        query = select(tables.gateway.c.id).where(tables.gateway.c.id == owner, tables.gateway.c.seen_at >= since)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def release(self, owner: str) -> None:
        """Notes that a gateway has stopped in order.

        One that has stopped with calls in flight counts as alive for the rest of its lease: by then they have landed.
        """
        sagas = select(_G.id).where(_G.owner == owner, _G.state != SagaState.LEFT)
        keys = select(_P.key).where(_P.owner == owner, _P.result.is_(None), _P.saga.is_(None), _P.before.is_not(None))
        gone = delete(tables.gateway).where(tables.gateway.c.id == owner, not_(sagas.exists()), not_(keys.exists()))
        async with self._engine.begin() as connection:
            await connection.execute(gone)

    async def prune(self, before: datetime) -> None:
        """Forgets gateways that have not been seen since."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.gateway).where(tables.gateway.c.seen_at < before))


def _open(row: object, owner: str, now: datetime) -> bool:
    return row is None or row.owner == owner or row.expires_at <= now  # type: ignore[attr-defined]
