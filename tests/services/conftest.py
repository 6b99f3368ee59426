"""Parts of the gateway over a real database and a real disk; only the clock is set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from stage import Copied, Emptied, Hands, Template, fresh_store

from gateway.store import Store
from tests.servers import Databases


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Whoever keeps something in a database is tested over both."""
    return str(request.param)


@pytest.fixture
def template(dialect: str, request: pytest.FixtureRequest) -> Template:
    """Makes a store that is empty, for every example of a property anew."""
    template: Template = request.getfixturevalue(f"{dialect}_template")
    return template


@pytest.fixture
def sqlite_template(tmp_path: Path) -> Copied:
    return Copied(tmp_path)


@pytest.fixture(scope="session")
def postgresql_database(databases: Databases) -> Iterator[str]:
    """The address of a database that tests use one after the other."""
    url = asyncio.run(databases.create())
    yield url
    asyncio.run(databases.drop(url))


@pytest.fixture
async def postgresql_template(postgresql_database: str, tmp_path: Path) -> AsyncIterator[Emptied]:
    store = await Store.open(SecretStr(postgresql_database))
    connection = await asyncpg.connect(postgresql_database)
    yield Emptied(postgresql_database, store, connection, tmp_path)
    await connection.close()
    await store.close()


@pytest.fixture
async def store(template: Template) -> AsyncIterator[Store]:
    async with fresh_store(template) as store:
        yield store
