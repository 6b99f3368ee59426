"""SQLite for callers who may leave at any time.

aiosqlite goes on with a statement whose caller was cancelled, and nobody fetches its rows. One that writes and gives rows
(``RETURNING``) then stays unfinished: the transaction cannot be rolled back, and its lock shuts out every other writer.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import aiosqlite


class _Connection(aiosqlite.Connection):
    """Closes the cursor of a statement that nobody waits for any more, before anything else is done with it."""

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            cursor = getattr(fn, "__self__", None)
            if isinstance(cursor, sqlite3.Cursor):
                await asyncio.shield(asyncio.ensure_future(super()._execute(cursor.close)))  # type: ignore[no-untyped-call]
            raise


def connect(database: str, **options: Any) -> aiosqlite.Connection:
    """A connection, to be awaited; as SQLAlchemy wants it for ``async_creator_fn``."""
    connection = _Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True
    return connection
