"""PostgreSQL over a network: unreachable, silent, restarted, and addressed in the words of libpq."""

from __future__ import annotations

import asyncio
import socket
import traceback
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from stage import keep, session

from gateway.store import SessionFilter, Store
from providers.errors import ConfigurationError
from tests.servers import Databases, Postgres

NOW = datetime(2026, 3, 4, tzinfo=UTC)
EVERYTHING = SessionFilter()
SECRET = "hunter2"


async def refusal(url: str) -> str:
    """What is said to whoever starts a gateway with this address; the password is not."""
    with pytest.raises(ConfigurationError) as caught:
        await Store.open(SecretStr(url))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://root:{SECRET}@host/db",
        f"no address, {SECRET}",
        f"postgresql://root@host:{SECRET}/db",
        f"postgresql://root:{SECRET}@[::1/db",
    ],
)
async def test_invalid_url_is_refused_without_showing_it(url: str) -> None:
    assert "database.url" in await refusal(url)


async def test_unreachable_database_is_named_without_its_password(postgres: str) -> None:
    parts = urlsplit(postgres)
    assert "password" in await refusal(postgres.replace(str(parts.password), SECRET))
    assert "does not exist" in await refusal(f"{postgres}-misspelled")
    assert "database.url" in await refusal(f"{postgres}?password={SECRET}")
    assert "database.url" in await refusal(f"postgresql://root:{SECRET}@no-such-host.invalid/db")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "Connect call failed" in await refusal(f"postgresql://root:{SECRET}@127.0.0.1:{port}/db")


async def test_silent_server_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "no answer in time" in await refusal(f"postgresql://root:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/db")


async def test_sslmode_is_accepted_as_ssl(postgres: str) -> None:
    await (await Store.open(SecretStr(f"{postgres}?sslmode=prefer"))).close()


@pytest.mark.servers
async def test_store_works_again_after_a_restart_of_the_server() -> None:
    with Postgres() as server:
        async with Databases(server.url).fresh() as url:
            store = await Store.open(SecretStr(url))
            await asyncio.gather(*(keep(store, session(f"s{n}"), NOW) for n in range(16)))
            await asyncio.to_thread(server.stop)
            with pytest.raises((OSError, SQLAlchemyError)):
                await store.sessions.count(EVERYTHING)
            await asyncio.to_thread(server.start)
            counts = await asyncio.gather(*(store.sessions.count(EVERYTHING) for _ in range(16)))
            assert counts == [16] * 16
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            assert await store.sessions.count(EVERYTHING) == 16
            await store.close()
