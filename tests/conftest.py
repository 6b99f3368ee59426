"""Fixtures of all tests: database servers and a certificate authority; the marker of tests that need a server; figures.

A test is marked ``servers`` where its fixtures start PostgreSQL, Valkey or a gateway. ``make check`` leaves those out.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio as client

from providers.sandbox.certificate_authority import CertificateAuthority
from tests.servers import Databases, Postgres, Redis

SERVERS = frozenset({"databases", "redis_address", "redis_server", "gateways"})
"""The fixtures by which a test is known to start a server."""
_ALLOCATIONS = 50_000
POSTGRESQL = "postgresql"
"""The parameter by which a test is run over PostgreSQL as well."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and _needs_servers(item):
            item.add_marker(pytest.mark.servers)
        if hasattr(getattr(item, "obj", None), "hypothesis") and "template" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.exhaustive)  # a property over a database


def pytest_collection_finish() -> None:
    """Leaves what was imported and collected out of garbage collection, as a gateway does: it took a quarter of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


def _needs_servers(test: pytest.Function) -> bool:
    parameters = test.callspec.params.values() if hasattr(test, "callspec") else ()
    return not SERVERS.isdisjoint(test.fixturenames) or any(each == POSTGRESQL for each in parameters)


@pytest.fixture(scope="session")
def authority() -> CertificateAuthority:
    """One for all tests, as keys and certificates take a second to make."""
    return CertificateAuthority()


@pytest.fixture(scope="session", autouse=True)
def trust_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients trust one certificate alone: reading those of the world takes each of them 25 ms of CPU."""
    file = tmp_path_factory.mktemp("trust") / "authority.pem"
    file.write_bytes(CertificateAuthority().certificate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(scope="session")
def gateways() -> None:
    """Requested by each fixture that starts a gateway, and for tests that start one in their body."""


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Databases to be had on one PostgreSQL: that of ``TEST_POSTGRES_URL``, or one that ends with the tests."""
    if url := os.environ.get("TEST_POSTGRES_URL"):
        databases = Databases(url)
        yield databases
        asyncio.run(databases.close())
    else:
        with Postgres() as server:
            yield Databases(server.url)


@pytest.fixture
async def postgres(databases: Databases) -> AsyncIterator[str]:
    """The address of a database for one test; its tables are there and empty."""
    async with databases.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def redis_address() -> Iterator[str]:
    """One Redis for all tests: that of ``TEST_REDIS_URL``, or one that ends with them."""
    if url := os.environ.get("TEST_REDIS_URL"):
        yield url
    else:
        with Redis() as server:
            yield server.url


@pytest.fixture
async def redis(redis_address: str) -> str:
    """The address of a Redis that remembers nothing."""
    async with client.from_url(redis_address) as connection:
        await connection.flushdb()
    return redis_address


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    """A Redis for one test, which may stop it and start it again."""
    with Redis() as server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found if getattr(report, "when", "") == "call"]
    figures = [value for report in reports for name, value in report.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("figures")
        for figure in figures:
            terminalreporter.write_line(str(figure))
