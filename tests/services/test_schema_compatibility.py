"""Schema compatibility: an older build uses a database that was only expanded, and refuses a contracted one."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text
from stage import START, keep, session
from test_database import connected

from gateway.store import Store
from providers.errors import ConfigurationError
from tests.servers import Databases


@pytest.fixture
async def url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of this build, with a session in it."""
    databases: Databases = request.getfixturevalue("databases")
    async with databases.fresh(migrated=False) as empty:
        url = empty if dialect == "postgresql" else f"sqlite:///{tmp_path / 'store.db'}"
        async with opened(url) as store:
            await keep(store, session(), START)
        yield url


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = await Store.open(SecretStr(url))
    try:
        yield store
    finally:
        await store.close()


async def upgrade(url: str, *statements: str) -> None:
    """A newer build has upgraded the database."""

    def execute(connection: Connection) -> None:
        for statement in ("UPDATE alembic_version SET version_num = '7777'", *statements):
            connection.execute(text(statement))

    async with connected(url) as run:
        await run(execute)


async def test_older_build_uses_expanded_database(url: str) -> None:
    await upgrade(url, "ALTER TABLE session ADD COLUMN mood VARCHAR(16)", "CREATE TABLE dream (id INTEGER)")
    async with opened(url) as store:
        assert await store.sessions.get(session().ref) == session()
        await keep(store, session("s2"), START)
        assert await store.sessions.get(session("s2").ref) == session("s2")
    async with connected(url) as run:
        found = await run(lambda connection: connection.execute(text("SELECT version_num FROM alembic_version")).scalar())
    assert found == "7777"


@pytest.mark.parametrize("contracted", ["UPDATE compatibility SET oldest = '7776'", "DROP TABLE compatibility"])
async def test_older_build_refuses_contracted_database_with_a_remedy(url: str, contracted: str) -> None:
    await upgrade(url, contracted)
    with pytest.raises(ConfigurationError) as caught:
        async with opened(url):
            pass
    [line] = str(caught.value).splitlines()
    assert "7777" in line
    assert "newer" in line
    assert "Start the version that has upgraded it" in line


@pytest.mark.parametrize("command", ["serve", "compare"])
async def test_older_build_exits_with_one_line_and_no_traceback(url: str, command: str, tmp_path: Path) -> None:
    await upgrade(url, "UPDATE compatibility SET oldest = '7777'")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "countersign.toml"
    config.write_text(f'[server]\nport = {port}\n[database]\nurl = "{url}"\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", command, "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"COLUMNS": "400", "PATH": ""},
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    said = [line for line in (out + err).decode().splitlines() if "Ctrl+C" not in line]
    assert len(said) == 1, said
    assert "the database is newer (revision 7777)" in said[0]
