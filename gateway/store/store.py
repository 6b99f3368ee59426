"""The database: one connection pool, brought up to date before anything reads from it."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Self

from alembic import command
from alembic.config import Config
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.store.events import Events
from gateway.store.leases import Leases
from gateway.store.polls import Polls
from gateway.store.promises import Promises
from gateway.store.sagas import Sagas
from gateway.store.secrets import Secrets
from gateway.store.sessions import Sessions
from gateway.store.signatures import Signatures
from gateway.store.syncs import Syncs
from gateway.store.uploads import StagedFiles
from providers.errors import ConfigurationError

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class Store:
    """Everything that is kept. ``open`` it, and ``close`` it in the end."""

    def __init__(self, engine: AsyncEngine, cipher: Fernet) -> None:
        self._engine = engine
        self.sessions = Sessions(engine)
        self.events = Events(engine)
        self.polls = Polls(engine)
        self.syncs = Syncs(engine)
        self.leases = Leases(engine)
        self.sagas = Sagas(engine)
        self.promises = Promises(engine)
        self.secrets = Secrets(engine, cipher)
        self.signatures = Signatures(engine)
        self.uploads = StagedFiles(engine)

    @classmethod
    async def open(cls, url: SecretStr, cipher: Fernet | None = None) -> Self:
        """Connects and migrates. Without a ``cipher``, tokens can be read by this process alone.

        Raises ``ConfigurationError`` for an address that is none.
        """
        engine = _engine(url)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_migrate)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine, cipher or Fernet(Fernet.generate_key()))

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()


def _engine(secret: SecretStr) -> AsyncEngine:
    try:
        url = make_url(secret.get_secret_value())
    except ArgumentError:
        raise ConfigurationError(
            "database.url: is no database address. Write sqlite:///FILE or postgresql://HOST/NAME."
        ) from None
    dialect = url.get_backend_name()
    if dialect not in _DRIVERS:
        raise ConfigurationError(f"database.url: {dialect} is not supported. Write sqlite:///FILE or postgresql://HOST/NAME.")
    engine = create_async_engine(url.set(drivername=_DRIVERS[dialect]), hide_parameters=True)
    if dialect == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _migrate(connection: Connection) -> None:
    with as_file(files("gateway.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
