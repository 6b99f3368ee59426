"""Idempotency keys: the same key and input come to the same result, however often and wherever it is sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, not_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import tables

_P = tables.promise.c


NO_OWNER = ""
"""Owns the promises that a gateway has given up: whoever is asked next finds out what came of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRecord:
    """A key in use: by which gateway, for which input, and with which result once there is one.

    ``saga`` is the one that does the work. Where a single call does it, ``before`` is what its session was like before
    that call, encoded: if nobody saw the call end, the difference tells what came of it.
    """

    key: str
    fingerprint: str
    owner: str
    expires_at: datetime
    saga: str | None = None
    before: bytes | None = None
    result: bytes | None = None


class IdempotencyKeys:
    """Idempotency keys."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def reserve(self, promise: IdempotencyRecord, now: datetime) -> IdempotencyRecord | None:
        """Reserves a key; gives the promise that holds it already, if one does."""
        values = {name: getattr(promise, name) for name in IdempotencyRecord.__dataclass_fields__}
        while True:
            held = await self.get(promise.key)
            if held is not None and (held.expires_at > now or await self._open(held.key)):
                return held
            with suppress(IntegrityError):
                async with self._engine.begin() as connection:
                    await connection.execute(delete(tables.promise).where(_P.key == promise.key, *_past(now)))
                    await connection.execute(insert(tables.promise).values(**values))
                return None

    async def get(self, key: str) -> IdempotencyRecord | None:
        """The promise that holds a key."""
        query = select(tables.promise).where(_P.key == key)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else IdempotencyRecord(**row)

    async def take_over(self, held: IdempotencyRecord, owner: str) -> bool:
        """Takes over the promise of a gateway that died before it began a saga; False where another was faster."""
        return await self._change(held.key, held.owner, owner=owner)

    async def record_state_before(self, key: str, owner: str, before: bytes) -> bool:
        """Notes what a session is like before the call that changes it; False where the key is in other hands."""
        return await self._change(key, owner, before=before)

    async def record_result(self, key: str, owner: str, result: bytes, until: datetime) -> bool:
        """The work is done: whoever sends the key again gets this. False where that is known, or not ours to say."""
        return await self._change(key, owner, result=result, before=None, expires_at=until)

    async def mark_in_doubt(self, key: str, owner: str) -> bool:
        """Nobody knows what came of it: whoever sends the key next finds out."""
        return await self._change(key, owner, owner=NO_OWNER)

    async def release(self, key: str, owner: str) -> None:
        """Nothing came of it: the key can be used again. One with a result, or with a saga, stays."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.promise).where(*_open(key, owner)))

    async def delete_expired(self, now: datetime) -> None:
        """Forgets keys that are past their time, but for those whose outcome is open."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.promise).where(*_past(now)))

    async def unresolved(self, owner: str) -> list[IdempotencyRecord]:
        """The promises of a gateway that nobody has said anything of, nor a saga is to."""
        query = select(tables.promise).where(_P.owner == owner, _P.result.is_(None), _P.saga.is_(None))
        async with self._engine.connect() as connection:
            return [IdempotencyRecord(**row) for row in (await connection.execute(query)).mappings()]

    async def _open(self, key: str) -> bool:
        query = select(_P.key).where(_P.key == key, not_(_settled()))
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def _change(self, key: str, held_by: str, **values: str | bytes | datetime | None) -> bool:
        async with self._engine.begin() as connection:
            changed = await connection.execute(update(tables.promise).where(*_open(key, held_by)).values(**values))
        return changed.rowcount == 1


def _settled() -> ColumnElement[bool]:
    """It has a result, or nothing was sent for it. One that a saga decides on is open until what that has left is resolved."""
    return _P.result.is_not(None) | (_P.before.is_(None) & _P.saga.is_(None))


def _past(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Is past its time, and nobody waits for what comes of it."""
    return _P.expires_at <= now, _settled()


def _open(key: str, owner: str) -> tuple[ColumnElement[bool], ...]:
    """Is this gateway's, and nobody has said what comes of it."""
    return _P.key == key, _P.owner == owner, _P.result.is_(None), _P.saga.is_(None)
