"""Database store: one connection pool and the repositories over it, migrated before anything reads from it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import as_file, files
from typing import Any, Final, Self

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import URL, Connection, event, inspect, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.store import tables
from gateway.store.engine import sqlite
from gateway.store.event_log import EventLog
from gateway.store.idempotency import IdempotencyRecords
from gateway.store.leases import Gateways, Leases
from gateway.store.metrics import MetricRows
from gateway.store.sagas import Sagas
from gateway.store.session_state.list_checkpoints import ListCheckpoints
from gateway.store.session_state.poll_queue import PollQueue
from gateway.store.session_state.sessions import Sessions
from gateway.store.session_state.signatures import Signatures
from gateway.store.tokens import Secrets
from gateway.store.uploads import StagedFiles
from gateway.store.webhook_inbox import WebhookInbox
from providers.errors import ConfigurationError

_log = logging.getLogger("countersign.store")
_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_REMEDY: Final = "Write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."
_CONNECT_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 30.0
_MIGRATION_SECONDS: Final = 3_600
"""How long the migration of a very large database may take, and gateways that start meanwhile wait for it."""
_LOCK_SECONDS: Final = 25
"""How long a migration may wait for the lock on a table, while others queue behind it."""
_MIGRATION_LOCK: Final = int.from_bytes(b"migrated")
_POOL_SIZE: Final = 16
"""Six gateways fit into the hundred connections that PostgreSQL allows by default."""


class Store:
    """Repositories over one connection pool."""

    def __init__(self, engine: AsyncEngine, cipher: Fernet) -> None:
        self._engine = engine
        self.sessions = Sessions(engine)
        self.events = EventLog(engine)
        self.polls = PollQueue(engine)
        self.checkpoints = ListCheckpoints(engine)
        self.leases = Leases(engine)
        self.gateways = Gateways(engine)
        self.sagas = Sagas(engine)
        self.idempotency_keys = IdempotencyRecords(engine)
        self.secrets = Secrets(engine, cipher)
        self.signatures = Signatures(engine)
        self.webhook_inbox = WebhookInbox(engine)
        self.uploads = StagedFiles(engine)
        self.metrics = MetricRows(engine)

    @classmethod
    async def open(cls, url: SecretStr, cipher: Fernet | None = None) -> Self:
        """Connects to the database and migrates it. Without a ``cipher``, only this process can decrypt its secrets.

        Raises ``ConfigurationError`` for an invalid URL, or where no database answers.
        """
        migration_engine = _create_engine(url, _MIGRATION_SECONDS)
        try:
            async with _first_connection(migration_engine) as connection:
                await _migrate(connection)
        finally:
            await migration_engine.dispose()
        return cls(_create_engine(url, _STATEMENT_SECONDS), cipher or Fernet(Fernet.generate_key()))

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()


def _create_engine(secret: SecretStr, statement_timeout: float) -> AsyncEngine:
    try:
        url = make_url(secret.get_secret_value())
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"database.url: is no database address. {_REMEDY}") from None
    dialect = url.get_backend_name()
    if dialect not in _DRIVERS:
        raise ConfigurationError(f"database.url: {dialect} is not supported. {_REMEDY}")
    engine = create_async_engine(
        _with_asyncpg_ssl(url).set(drivername=_DRIVERS[dialect]),
        hide_parameters=True,
        **_pool_options(dialect, statement_timeout),
    )
    if dialect == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_pragmas)
    return engine


def _pool_options(dialect: str, statement_timeout: float) -> dict[str, Any]:
    size = {"pool_size": _POOL_SIZE, "max_overflow": 0}
    if dialect == "sqlite":
        # A writer that waits for its turn holds a connection, so that others wait for one as long.
        return {
            **size,
            "pool_timeout": statement_timeout,
            "connect_args": {"async_creator_fn": sqlite.connector(statement_timeout)},
        }
    asyncpg_args = {
        "timeout": _CONNECT_SECONDS,
        "command_timeout": statement_timeout,
        "server_settings": {"application_name": "countersign"},
    }
    return {**size, "pool_timeout": _CONNECT_SECONDS, "pool_pre_ping": True, "connect_args": asyncpg_args}


def _with_asyncpg_ssl(url: URL) -> URL:
    """A URL with ``ssl`` for libpq's ``sslmode``, as asyncpg calls it."""
    mode = url.query.get("sslmode")
    return url if mode is None else url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


@asynccontextmanager
async def _first_connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Opens the first connection. Raises ``ConfigurationError`` where that fails."""
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(engine.connect())
            if engine.dialect.name == "sqlite":
                await _enable_wal(connection)
        except Exception as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else getattr(error, "orig", error)
            raise ConfigurationError(
                f"database.url: the database cannot be opened: {reason}. Is it there, under this address?"
            ) from None
        yield connection


async def _enable_wal(connection: AsyncConnection) -> None:
    """Enables write-ahead logging, for readers beside a writer. SQLite does not wait for the lock that it needs: retried."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _CONNECT_SECONDS
    while True:
        try:
            await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            return
        except OperationalError:
            if loop.time() >= give_up_at:
                raise
        await asyncio.sleep(random.uniform(0.01, 0.1))


def _set_pragmas(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def _migrate(connection: AsyncConnection) -> None:
    """Migrates under a lock: of gateways that start at once, one migrates, and the others find it done."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    else:
        # Alembic alters a table of SQLite by copying it; dropping the old one must not cascade to rows that refer to it.
        await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
    await connection.run_sync(_upgrade)
    await connection.commit()


def _upgrade(connection: Connection) -> None:
    with as_file(files("gateway.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        scripts = ScriptDirectory.from_config(config)
        current, head = MigrationContext.configure(connection).get_current_revision(), scripts.get_current_head() or ""
        if current not in {None, *(each.revision for each in scripts.walk_revisions())}:
            _require_compatible(connection, current or "", head)
            return
        if current not in (None, head):
            _log.info("The database of a former version is brought up to date. A large one takes minutes.")
        command.upgrade(config, "head")


def _require_compatible(connection: Connection, current: str, head: str) -> None:
    """Raises ``ConfigurationError`` where a newer version has contracted what this one needs (expand/contract migration).

    Where it has only expanded the schema, both run side by side, and this one again after a rollback.
    """
    oldest = None
    if inspect(connection).has_table(tables.compatibility.name):
        oldest = connection.execute(select(tables.compatibility.c.oldest)).scalar()
    if oldest is None or head < oldest:
        raise ConfigurationError(
            f"database.url: the database is newer (revision {current}) than this version of the gateway (revision {head})."
            " Start the version that has upgraded it, or restore a backup from before that."
        )
    _log.info("The database is newer (revision %s) than this version of the gateway, and fits it.", current)
