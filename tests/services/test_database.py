"""Database: migrations under a lock, a FIFO lock for writers of SQLite, and plain errors where none can be opened."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any
from urllib.parse import urlsplit

import aiosqlite
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from stage import keep, session, signature, signer

from gateway.store import PageRequest, SessionFilter, SessionOrder, SessionWrite, SignatureFilter, Store, tables
from gateway.store.engine import sqlite as sqlite_engine
from tests.servers import Databases

NOW = datetime(2026, 3, 4, tzinfo=UTC)
EVERYTHING = SessionFilter()


@pytest.fixture
def empty(dialect: str, request: pytest.FixtureRequest) -> str:
    """The address of a database without any table."""
    return str(request.getfixturevalue(f"empty_{dialect}"))


@pytest.fixture
def empty_sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
async def empty_postgresql(databases: Databases) -> AsyncIterator[str]:
    async with databases.fresh(migrated=False) as url:
        yield url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Callable[[Callable[[Connection], object]], object]]:
    """Runs what is not asynchronous with a connection."""
    driver = "postgresql+asyncpg" if url.startswith("postgresql") else "sqlite+aiosqlite"
    engine = create_async_engine(url.replace(urlsplit(url).scheme, driver, 1))
    async with engine.begin() as connection:
        yield connection.run_sync
    await engine.dispose()


@asynccontextmanager
async def writers(folder: Path, count: int, seconds: float = 30) -> AsyncIterator[list[aiosqlite.Connection]]:
    """Connections of one gateway to a table ``kept`` of a column ``x``."""
    connect = sqlite_engine.connector(seconds)
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connect(str(folder / "store.db"))) for _ in range(count)]
        await connections[0].cursor().execute("CREATE TABLE kept (x)")
        yield connections


def migrate(connection: Connection, target: str, *, back: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("gateway.store") / "migrations"))
    config.attributes["connection"] = connection
    (command.downgrade if back else command.upgrade)(config, target)


async def opened(url: str, count: int) -> Sequence[Store]:
    """As many stores, all opened at once."""
    found = await asyncio.gather(*(Store.open(SecretStr(url)) for _ in range(count)), return_exceptions=True)
    stores = [each for each in found if isinstance(each, Store)]
    if len(stores) < count:
        await asyncio.gather(*(store.close() for store in stores))
    assert [each for each in found if not isinstance(each, Store)] == []
    return stores


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
async def test_migrations_create_exactly_the_tables_and_downgrade_to_none(empty: str) -> None:
    def there_and_back(connection: Connection) -> None:
        migrate(connection, "head")
        alike = {"include_name": lambda name, kind, _: kind == "column" or name not in tables.MIGRATION_ONLY}
        context = MigrationContext.configure(connection, opts=alike)
        assert compare_metadata(context, tables.metadata) == []
        migrate(connection, "base", back=True)
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
        migrate(connection, "head")
        assert set(tables.metadata.tables) <= set(inspect(connection).get_table_names())

    async with connected(empty) as run:
        await run(there_and_back)


async def test_data_of_a_former_revision_survives_the_upgrade(empty: str) -> None:
    def former(connection: Connection) -> None:
        migrate(connection, "0002")
        for statement in (
            "INSERT INTO session VALUES ('acme', 's1', 'SIGNING', 'PENDING', false, 't', 't', 'r', 1, 2, 3, '')",
            "INSERT INTO mailbox VALUES ('ann@acme.test', 'acme', 's1')",
            "INSERT INTO signature VALUES ('acme', 's1', 'g1', 1, NULL)",
            "INSERT INTO tag VALUES ('red', 'acme', 's1', 'g1')",
        ):
            connection.execute(text(statement))

    async with connected(empty) as run:
        await run(former)
    (store,) = await opened(empty, 1)
    assert await store.sessions.count(SessionFilter(participant_email="ann@acme.test", reference="r")) == 1
    assert await store.signatures.count(SignatureFilter(tags=["red"])) == 1
    ref = session("s1").ref
    people, signatures = (signer(ref, "a", email="bob@acme.test"),), (signature(ref, "g1"),)
    known = session("s1", participants=people, signatures=signatures)
    assert await store.sessions.save(known, SessionWrite(seen_at=NOW, expected_version=1))
    assert await store.sessions.count(SessionFilter(participant_email="ann@acme.test")) == 0
    await store.close()


async def test_titles_and_due_sort_keys_survive_downgrade_and_upgrade(empty: str) -> None:
    (store,) = await opened(empty, 1)
    titles = {"new": "A \x00 lease", "old": "Lease \x01", "due": "The leasehold"}
    due_at = {"due": NOW + timedelta(days=9)}
    for age, (key, title) in enumerate(titles.items()):
        people = (signer(session(key).ref, "a", email="ann@acme.test"),)
        made_at = NOW - timedelta(days=age)
        known = session(key, title=title, created_at=made_at, due_at=due_at.get(key), participants=people)
        await keep(store, known, NOW)
    await store.close()
    async with connected(empty) as run:
        await run(lambda connection: migrate(connection, "0007", back=True))
    (store,) = await opened(empty, 1)
    for wanted, expected in (
        (SessionFilter(), ["due", "old", "new"]),
        (SessionFilter(participant_email="ann@acme.test"), ["due", "old", "new"]),
        (SessionFilter(title_contains="LEASE"), ["due", "old", "new"]),
        (SessionFilter(title_contains="a \x00 l"), ["new"]),
        (SessionFilter(title_contains="se \x01"), ["old"]),
    ):
        page = await store.sessions.page(wanted, SessionOrder.DUE_AT_ASC, PageRequest(limit=9))
        assert [row.session.key for row in page] == expected
    await store.close()


async def test_reopening_keeps_data(empty: str) -> None:
    for _ in range(2):
        (store,) = await opened(empty, 1)
        await keep(store, session(), NOW)
        await store.close()
    (store,) = await opened(empty, 1)
    assert await store.sessions.get(session().ref) == session()
    await store.close()


async def test_gateways_that_start_at_once_migrate_once(empty: str) -> None:
    stores = await opened(empty, 8)
    await asyncio.gather(*(keep(store, session(f"s{place}"), NOW) for place, store in enumerate(stores)))
    assert await stores[0].sessions.count(EVERYTHING) == 8
    await asyncio.gather(*(store.close() for store in stores))


async def test_write_of_cancelled_caller_is_rolled_back(tmp_path: Path) -> None:
    slow = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500000) SELECT count(*) FROM n"
    async with writers(tmp_path, 1) as (connection,):
        cursor = connection.cursor()
        before, leaving = (asyncio.create_task(cursor.execute(each)) for each in (slow, "INSERT INTO kept VALUES (1)"))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait({leaving})
        assert not before.done()
        await connection.rollback()
        assert not connection.in_transaction
        await cursor.execute("SELECT * FROM kept")
        assert await cursor.fetchall() == []


async def test_connection_is_closed_when_its_opening_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, begun, cancelled = list[sqlite3.Connection](), threading.Event(), threading.Event()

    def connect_slowly(*args: Any, **options: Any) -> sqlite3.Connection:
        begun.set()
        cancelled.wait(10)
        opened.append(sqlite3.Connection(*args, **options))
        return opened[0]

    monkeypatch.setattr(sqlite3, "connect", connect_slowly)
    connection = sqlite_engine.connector(30)(str(tmp_path / "store.db"), check_same_thread=False)
    opening = asyncio.ensure_future(connection)
    await asyncio.to_thread(begun.wait, 10)
    opening.cancel()
    await asyncio.wait({opening})
    cancelled.set()
    await asyncio.to_thread(connection._thread.join, 10)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


async def test_writers_get_the_lock_in_fifo_order(tmp_path: Path) -> None:
    async with writers(tmp_path, 12) as connections:

        async def write(place: int) -> None:
            cursor = connections[place].cursor()
            await cursor.execute("INSERT INTO kept VALUES (?)", (place,))
            await cursor.execute("INSERT INTO kept VALUES (?)", (place,))
            await connections[place].commit()

        await asyncio.gather(*(write(place) for place in range(12)))
        cursor = connections[0].cursor()
        await cursor.execute("SELECT x FROM kept ORDER BY rowid")
        assert [place for (place,) in await cursor.fetchall()] == [place for place in range(12) for _ in "ab"]


@pytest.mark.parametrize("leave", ["commit", "rollback", "close", "stop"])
async def test_lock_is_released_however_a_write_ends(tmp_path: Path, leave: str) -> None:
    async with writers(tmp_path, 2) as (first, second):
        await first.cursor().execute("INSERT INTO kept VALUES (1)")
        waiting = asyncio.create_task(second.cursor().execute("INSERT INTO kept VALUES (2)"))
        await asyncio.sleep(0)
        assert not waiting.done()
        left = getattr(first, leave)()
        if left is not None:
            await left
        await asyncio.wait_for(waiting, 10)


async def test_cancelled_writer_leaves_the_queue(tmp_path: Path) -> None:
    async with writers(tmp_path, 3) as (first, second, third):
        await first.cursor().execute("INSERT INTO kept VALUES (1)")
        leaving, waiting = (
            asyncio.create_task(each.cursor().execute("INSERT INTO kept VALUES (2)")) for each in (second, third)
        )
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait({leaving})
        await second.rollback()
        await first.commit()
        await asyncio.wait_for(waiting, 10)


async def test_writer_fails_with_database_is_locked_after_the_timeout(tmp_path: Path) -> None:
    async with writers(tmp_path, 2, seconds=0.01) as (first, second):
        await first.cursor().execute("INSERT INTO kept VALUES (1)")
        with pytest.raises(OperationalError, match="database is locked"):
            await second.cursor().execute("INSERT INTO kept VALUES (2)")
        await second.rollback()
        await first.commit()
        await second.cursor().execute("INSERT INTO kept VALUES (3)")
