"""Parts of the gateway over a real database file and a real disk; only time is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from stage import Hands, Template, fresh_store

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
def template(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Template:
    """A database that is migrated and empty, for every example of a property anew."""
    return Template(request.getfixturevalue(f"{dialect}_template"), tmp_path)


@pytest.fixture(scope="session")
def postgresql_template(databases: Databases) -> Iterator[str]:
    """The address of a database that is migrated, to be emptied."""
    url = asyncio.run(databases.create())
    yield url
    asyncio.run(databases.drop(url))


@pytest.fixture
async def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a file that is migrated, to be copied."""
    file = tmp_path_factory.getbasetemp() / "template.db"
    if not file.exists():
        await (await Store.open(SecretStr(f"sqlite:///{file}"))).close()
    return f"sqlite:///{file}"


@pytest.fixture
async def store(template: Template) -> AsyncIterator[Store]:
    async with fresh_store(template) as store:
        yield store
