"""How a write ends: its saga is over and its key has a result, in the transaction that keeps what it made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.sagas import Remainder, close, hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What ends with a write: the saga that this gateway owns, and the idempotency key of it with its ``result``.

    ``until`` is how long the key is kept from now on, and ``remainder`` what the saga has left behind.
    """

    saga: str
    owner: str
    result: bytes
    until: datetime
    remainder: Remainder | None = None


async def settle(connection: AsyncConnection, settlement: Settlement) -> None:
    """Ends them, within a transaction. Raises ``Overtaken`` where another gateway has begun to undo the saga."""
    await hold(connection, settlement.saga, settlement.owner)
    kept = update(tables.promise).where(tables.promise.c.saga == settlement.saga)
    await connection.execute(kept.values(result=settlement.result, saga=None, expires_at=settlement.until))
    await close(connection, settlement.saga, settlement.remainder, kept=True)
