"""SQLite connections: one hop to the thread for each statement, safe under cancellation, and writers in a FIFO queue.

aiosqlite takes four hops: to open a cursor, to execute, to fetch and to close. When a caller is cancelled, its thread still
runs the statement and nobody fetches the rows: a statement that writes and returns rows (``RETURNING``) then stays open, and
its lock shuts out every other writer. Here cursor, execution and fetch are one call, which always runs to its end.

SQLite has one writer at a time. Its busy handler polls for the lock in no order, so that one of many writers may starve;
writers of this process wait in a FIFO lock instead, and only other processes are waited for by polling.
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
"""Statements for which the driver begins a transaction."""


class _Cursor:
    """DB-API cursor for SQLAlchemy, which holds fetched rows: SQLite's own cursor is closed once a statement has run."""

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

    def _run(self, execute: Callable[..., object], sql: str, parameters: Sequence[Any], connection: sqlite3.Connection) -> None:
        with closing(connection.cursor()) as cursor:
            execute(cursor, sql, parameters)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else ()
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid


class _Connection(aiosqlite.Connection):
    """Connection that holds the writers' lock from its first write until its transaction ends."""

    _cancelled = False
    _holds_write_lock = False

    def __init__(self, connector: Callable[[], sqlite3.Connection], write_lock: asyncio.Lock, lock_timeout: float) -> None:
        self._opened: list[sqlite3.Connection] = []
        super().__init__(partial(_open, connector, self._opened), iter_chunk_size=64)
        self._thread.daemon = True
        self._write_lock = write_lock
        self._lock_timeout = lock_timeout

    def cursor(self) -> _Cursor:  # type: ignore[override]
        return _Cursor(self)

    async def run(self, call: Callable[..., None], execute: Callable[..., object], sql: str, parameters: Sequence[Any]) -> None:
        """Runs a call in the thread of this connection, after taking the writers' lock where the statement writes.

        Raises ``sqlite3.OperationalError`` where the lock is not free in time.
        """
        if not self._holds_write_lock and sql.startswith(_WRITES):
            await self._acquire_write_lock()
        await self._execute(call, execute, sql, parameters, self._conn)

    async def commit(self) -> None:
        try:
            await super().commit()
        finally:
            self._release_write_lock()

    async def rollback(self) -> None:
        try:
            if self._cancelled or self.in_transaction:
                await super().rollback()
                self._cancelled = False
        finally:
            self._release_write_lock()

    def stop(self) -> asyncio.Future[Any] | None:
        """Ends the thread, which first closes its connection, also one whose opening was cancelled."""
        self._release_write_lock()
        self._tx.put_nowait((None, partial(_close, self._opened)))
        return super().stop()

    async def _acquire_write_lock(self) -> None:
        try:
            async with asyncio.timeout(self._lock_timeout):
                await self._write_lock.acquire()
        except TimeoutError:
            raise sqlite3.OperationalError("database is locked") from None
        self._holds_write_lock = True

    def _release_write_lock(self) -> None:
        if self._holds_write_lock:
            self._holds_write_lock = False
            self._write_lock.release()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            self._cancelled = True  # the thread still runs the statement, which may begin a transaction
            raise


def _open(connector: Callable[[], sqlite3.Connection], opened: list[sqlite3.Connection]) -> sqlite3.Connection:
    """Opens a connection, and remembers it where the caller is cancelled before it gets it."""
    opened.append(connector())
    return opened[0]


def _close(opened: Sequence[sqlite3.Connection]) -> None:
    for connection in opened:
        connection.close()


def connector(lock_timeout: float) -> Callable[..., aiosqlite.Connection]:
    """Connection factory for SQLAlchemy's ``async_creator_fn``, whose connections share one FIFO lock for writers."""
    write_lock = asyncio.Lock()

    def connect(database: str, **options: Any) -> aiosqlite.Connection:
        return _Connection(partial(sqlite3.connect, database, timeout=lock_timeout, **options), write_lock, lock_timeout)

    return connect
