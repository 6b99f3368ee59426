"""How a write ends: its saga is over and its key has a result, in the transaction that keeps what it made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.sagas import SagaLeftover, close_saga, lock_saga


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaCommit:
    """What ends with a write: the saga that this gateway owns, and the idempotency key of it with its ``result``.

    ``until`` is how long the key is kept from now on, and ``leftover`` what the saga has left behind.
    """

    saga: str
    owner: str
    result: bytes
    until: datetime
    leftover: SagaLeftover | None = None


async def commit_saga(connection: AsyncConnection, commit: SagaCommit) -> None:
    """Ends them, within a transaction. Raises ``LeaseLost`` where another gateway has begun to undo the saga."""
    await lock_saga(connection, commit.saga, commit.owner)
    kept = update(tables.promise).where(tables.promise.c.saga == commit.saga)
    await connection.execute(kept.values(result=commit.result, saga=None, expires_at=commit.until))
    await close_saga(connection, commit.saga, commit.leftover, kept=True)
