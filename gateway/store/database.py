"""The database: one connection pool, brought up to date before anything reads from it."""

from __future__ import annotations

import logging
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
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random

from gateway.store import tables
from gateway.store.engine import sqlite
from gateway.store.event_log import EventLog
from gateway.store.idempotency import IdempotencyKeys
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
"""So long a very large database may take, and so long gateways that start meanwhile wait for the one that is at it."""
_LOCK_SECONDS: Final = 25
"""So long a migration may keep others from a table while it waits for it."""
_MIGRATION_LOCK: Final = int.from_bytes(b"migrated")
_POOL_SIZE: Final = 16
"""Six gateways fit into the hundred connections that PostgreSQL allows by default."""


class Store:
    """Everything that is kept. ``open`` it, and ``close`` it in the end."""

    def __init__(self, engine: AsyncEngine, cipher: Fernet) -> None:
        self._engine = engine
        self.sessions = Sessions(engine)
        self.events = EventLog(engine)
        self.polls = PollQueue(engine)
        self.checkpoints = ListCheckpoints(engine)
        self.leases = Leases(engine)
        self.gateways = Gateways(engine)
        self.sagas = Sagas(engine)
        self.idempotency_keys = IdempotencyKeys(engine)
        self.secrets = Secrets(engine, cipher)
        self.signatures = Signatures(engine)
        self.webhook_inbox = WebhookInbox(engine)
        self.uploads = StagedFiles(engine)
        self.metrics = MetricRows(engine)

    @classmethod
    async def open(cls, url: SecretStr, cipher: Fernet | None = None) -> Self:
        """Connects and migrates. Without a ``cipher``, tokens can be read by this process alone.

        Raises ``ConfigurationError`` for an address that is none, or where no database answers.
        """
        migrating = _engine(url, _MIGRATION_SECONDS)
        try:
            async with _reached(migrating) as connection:
                await _migrate(connection)
        finally:
            await migrating.dispose()
        return cls(_engine(url, _STATEMENT_SECONDS), cipher or Fernet(Fernet.generate_key()))

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()


def _engine(secret: SecretStr, seconds: float) -> AsyncEngine:
    """One whose statements may take so long."""
    try:
        url = make_url(secret.get_secret_value())
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"database.url: is no database address. {_REMEDY}") from None
    dialect = url.get_backend_name()
    if dialect not in _DRIVERS:
        raise ConfigurationError(f"database.url: {dialect} is not supported. {_REMEDY}")
    engine = create_async_engine(
        _spoken(url).set(drivername=_DRIVERS[dialect]),
        hide_parameters=True,
        **_pool(dialect, seconds),
    )
    if dialect == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _pool(dialect: str, seconds: float) -> dict[str, Any]:
    sized = {"pool_size": _POOL_SIZE, "max_overflow": 0}
    if dialect == "sqlite":
        # Who is in line to write holds a connection: others wait for one as long as for their turn.
        return {**sized, "pool_timeout": seconds, "connect_args": {"async_creator_fn": sqlite.connector(seconds)}}
    given = {
        "timeout": _CONNECT_SECONDS,
        "command_timeout": seconds,
        "server_settings": {"application_name": "countersign"},
    }
    return {**sized, "pool_timeout": _CONNECT_SECONDS, "pool_pre_ping": True, "connect_args": given}


def _spoken(url: URL) -> URL:
    """What others call ``sslmode`` is ``ssl`` to the driver."""
    mode = url.query.get("sslmode")
    return url if mode is None else url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


@asynccontextmanager
async def _reached(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """The first connection of all. Raises ``ConfigurationError`` where there is none to be had."""
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(engine.connect())
            if engine.dialect.name == "sqlite":
                await _write_ahead(connection)
        except Exception as error:
            said = "no answer in time" if isinstance(error, TimeoutError) else getattr(error, "orig", error)
            raise ConfigurationError(
                f"database.url: the database cannot be opened: {said}. Is it there, under this address?"
            ) from None
        yield connection


async def _write_ahead(connection: AsyncConnection) -> None:
    """Readers and a writer side by side. SQLite does not wait for others to let it change this, so that we do."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(OperationalError),
        stop=stop_after_delay(_CONNECT_SECONDS),
        wait=wait_random(0.01, 0.1),
        reraise=True,
    ):
        with attempt:
            await connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def _prepare_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def _migrate(connection: AsyncConnection) -> None:
    """Gateways that start at once take turns: the first one migrates, the others find it done."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    else:
        # SQLite changes a table by making it anew; the old one must not take with it what refers to it.
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
        there, head = MigrationContext.configure(connection).get_current_revision(), scripts.get_current_head() or ""
        if there not in {None, *(each.revision for each in scripts.walk_revisions())}:
            _require_compatible(connection, there or "", head)
            return
        if there not in (None, head):
            _log.info("The database of a former version is brought up to date. A large one takes minutes.")
        command.upgrade(config, "head")


def _require_compatible(connection: Connection, there: str, head: str) -> None:
    """Raises ``ConfigurationError`` where a newer version has contracted what this one needs of the database.

    Where it has only expanded it, both run side by side, and this one again after a step back.
    """
    oldest = None
    if inspect(connection).has_table(tables.compatibility.name):
        oldest = connection.execute(select(tables.compatibility.c.oldest)).scalar()
    if oldest is None or head < oldest:
        raise ConfigurationError(
            f"database.url: the database is newer (revision {there}) than this version of the gateway (revision {head})."
            " Start the version that has upgraded it, or restore a backup from before that."
        )
    _log.info("The database is newer (revision %s) than this version of the gateway, and fits it.", there)
