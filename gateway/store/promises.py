"""Idempotency keys: the same key and input come to the same result, however often and wherever it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import table

_P = table.promise.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A key in use: by which gateway, for which input, and with which result once there is one."""

    key: str
    fingerprint: str
    owner: str
    expires_at: datetime
    result: bytes | None = None


class Promises:
    """Idempotency keys."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def make(self, promise: Promise, now: datetime) -> Promise | None:
        """Reserves a key; gives the promise that holds it already, if one does."""
        values = {name: getattr(promise, name) for name in Promise.__dataclass_fields__}
        try:
            async with self._engine.begin() as connection:
                await connection.execute(delete(table.promise).where(_P.key == promise.key, _P.expires_at <= now))
                await connection.execute(insert(table.promise).values(**values))
        except IntegrityError:
            return await self.get(promise.key)
        return None

    async def get(self, key: str) -> Promise | None:
        """The promise that holds a key."""
        query = select(table.promise).where(_P.key == key)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else Promise(**row)

    async def keep(self, key: str, result: bytes) -> None:
        """The work is done: whoever sends the key again gets this."""
        async with self._engine.begin() as connection:
            await connection.execute(update(table.promise).where(_P.key == key).values(result=result))

    async def release(self, key: str, owner: str) -> None:
        """Nothing came of it: the key can be used again."""
        async with self._engine.begin() as connection:
            unkept = delete(table.promise).where(_P.key == key, _P.owner == owner, _P.result.is_(None))
            await connection.execute(unkept)

    async def sweep(self, now: datetime) -> None:
        """Forgets keys that are past their time."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(table.promise).where(_P.expires_at <= now))
