"""Leases: what only one gateway does at a time, and which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import tables
from gateway.store.engine.upsert import upsert_where

_L = tables.lease.c


class Leases:
    """Leases by name. Whoever does not renew one in time has lost it, as far as the clocks of the gateways agree."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def hold(self, names: Iterable[str], owner: str, now: datetime, lasting: timedelta) -> Mapping[str, datetime]:
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


def _open(row: object, owner: str, now: datetime) -> bool:
    return row is None or row.owner == owner or row.expires_at <= now  # type: ignore[attr-defined]
