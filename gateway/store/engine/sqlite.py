"""SQLite with one trip to the thread of a connection for each statement, for callers who may leave at any time.

aiosqlite takes a trip for a cursor, one to execute, one to fetch and one to close it. Its own goes on with a statement whose
caller was cancelled, and nobody fetches its rows: one that writes and gives rows (``RETURNING``) then stays unfinished, and
its lock shuts out every other writer.

SQLite takes one writer at a time. Others look whether it is their turn now and then, in no order, so that one of many may
come too late; here they wait in line, and only other processes are waited for in that way.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Final, Self

import aiosqlite

_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE")
"""What the driver begins a transaction for."""


class _Cursor:
    """What SQLAlchemy asks of a cursor. What there is in SQLite of a statement has ended when it was executed."""

    arraysize = 1

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        await self._connection.run(self._run, sqlite3.Cursor.execute, sql, parameters)

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        await self._connection.run(self._run, sqlite3.Cursor.executemany, sql, parameters)

    async def fetchall(self) -> Sequence[Any]:
        return self._rows

    async def close(self) -> None:
        self._rows = ()

    def _run(self, execute: Callable[..., object], sql: str, parameters: Sequence[Any], to: sqlite3.Connection) -> None:
        with closing(to.cursor()) as cursor:
            execute(cursor, sql, parameters)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else ()
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid


class _Connection(aiosqlite.Connection):
    """Knows whether there is something to be rolled back, and whether it is its turn to write."""

    _left = False
    _writes = False

    def __init__(self, connector: Callable[[], sqlite3.Connection], line: asyncio.Lock, seconds: float) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._thread.daemon = True
        self._line = line
        self._seconds = seconds

    def cursor(self) -> _Cursor:  # type: ignore[override]
        return _Cursor(self)

    async def run(self, call: Callable[..., None], execute: Callable[..., object], sql: str, parameters: Sequence[Any]) -> None:
        """Has the thread of this connection make the call with SQLite's own, once it is the turn of the statement.

        Raises ``sqlite3.OperationalError`` where others write for too long.
        """
        if not self._writes and sql.startswith(_WRITES):
            await self._begin()
        await self._execute(call, execute, sql, parameters, self._conn)

    async def commit(self) -> None:
        try:
            await super().commit()
        finally:
            self._end()

    async def rollback(self) -> None:
        try:
            if self._left or self.in_transaction:
                await super().rollback()
                self._left = False
        finally:
            self._end()

    def stop(self) -> asyncio.Future[Any] | None:
        self._end()
        return super().stop()

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._line.acquire()
        except TimeoutError:
            raise sqlite3.OperationalError("database is locked") from None
        self._writes = True

    def _end(self) -> None:
        if self._writes:
            self._writes = False
            self._line.release()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            self._left = True  # whatever it was goes on, and may begin a transaction yet
            raise


def connector(seconds: float) -> Callable[..., aiosqlite.Connection]:
    """Makes connections whose writers wait in one line, for so long; as SQLAlchemy wants it for ``async_creator_fn``."""
    line = asyncio.Lock()

    def connect(database: str, **options: Any) -> aiosqlite.Connection:
        return _Connection(partial(sqlite3.connect, database, timeout=seconds, **options), line, seconds)

    return connect
