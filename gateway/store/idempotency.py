"""Idempotency keys: a repeated request with the same key and input gets the first one's result, from any gateway."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, not_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import tables

_K = tables.idempotency_key.c


NO_OWNER = ""
"""Owner of keys that their gateway has marked in doubt: the next gateway that is asked settles them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRecord:
    """Idempotency key in use: by which gateway, for which input, and with which result once there is one.

    ``saga`` is the saga that does the work. Where a single call does it, ``before`` is the encoded session from before that
    call: if the call's end was not seen, the difference shows whether it took effect.
    """

    key: str
    fingerprint: str
    owner: str
    expires_at: datetime
    saga: str | None = None
    before: bytes | None = None
    result: bytes | None = None


class IdempotencyRecords:
    """Repository of idempotency keys."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def reserve(self, record: IdempotencyRecord, now: datetime) -> IdempotencyRecord | None:
        """Reserves a key; returns the record that has it, where one does."""
        values = {name: getattr(record, name) for name in IdempotencyRecord.__dataclass_fields__}
        while True:
            stored = await self.get(record.key)
            if stored is not None and (stored.expires_at > now or await self._is_pending(stored.key)):
                return stored
            with suppress(IntegrityError):
                async with self._engine.begin() as connection:
                    await connection.execute(delete(tables.idempotency_key).where(_K.key == record.key, *_expired(now)))
                    await connection.execute(insert(tables.idempotency_key).values(**values))
                return None

    async def get(self, key: str) -> IdempotencyRecord | None:
        """The record of a key."""
        query = select(tables.idempotency_key).where(_K.key == key)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else IdempotencyRecord(**row)

    async def take_over(self, record: IdempotencyRecord, owner: str) -> bool:
        """Takes over a key whose gateway died before it began a saga; False where another gateway was faster."""
        return await self._update_unbound(record.key, record.owner, owner=owner)

    async def record_state_before(self, key: str, owner: str, before: bytes) -> bool:
        """Records the session from before the call that changes it; False where another gateway has taken over the key."""
        return await self._update_unbound(key, owner, before=before)

    async def record_result(self, key: str, owner: str, result: bytes, until: datetime) -> bool:
        """Records the result for repeated requests; False where there is one, or another gateway has taken over the key."""
        return await self._update_unbound(key, owner, result=result, before=None, expires_at=until)

    async def mark_in_doubt(self, key: str, owner: str) -> bool:
        """Records that the outcome is unknown: the gateway that is asked next finds it out."""
        return await self._update_unbound(key, owner, owner=NO_OWNER)

    async def release(self, key: str, owner: str) -> None:
        """Releases a key that nothing was done for. One with a result, or with a saga, stays."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.idempotency_key).where(*_unbound(key, owner)))

    async def delete_expired(self, now: datetime) -> None:
        """Deletes expired keys, except those whose outcome is pending."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.idempotency_key).where(*_expired(now)))

    async def unresolved(self, owner: str) -> list[IdempotencyRecord]:
        """The records of a gateway that have neither a result nor a saga."""
        query = select(tables.idempotency_key).where(_K.owner == owner, _K.result.is_(None), _K.saga.is_(None))
        async with self._engine.connect() as connection:
            return [IdempotencyRecord(**row) for row in (await connection.execute(query)).mappings()]

    async def _is_pending(self, key: str) -> bool:
        query = select(_K.key).where(_K.key == key, not_(_is_resolved()))
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def _update_unbound(self, key: str, owned_by: str, **values: str | bytes | datetime | None) -> bool:
        async with self._engine.begin() as connection:
            updated = await connection.execute(update(tables.idempotency_key).where(*_unbound(key, owned_by)).values(**values))
        return updated.rowcount == 1


def _is_resolved() -> ColumnElement[bool]:
    """It has a result, or no call was made for it. One bound to a saga is pending until the saga's leftover is resolved."""
    return _K.result.is_not(None) | (_K.before.is_(None) & _K.saga.is_(None))


def _expired(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return _K.expires_at <= now, _is_resolved()


def _unbound(key: str, owner: str) -> tuple[ColumnElement[bool], ...]:
    """It belongs to this gateway, and has neither a result nor a saga."""
    return _K.key == key, _K.owner == owner, _K.result.is_(None), _K.saga.is_(None)
