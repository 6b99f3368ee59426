"""Contract suite: each test runs for every provider of the registry that declares the operations it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from subject import FastForwardClock, SandboxClock, Subject, declared

from providers.capability import Capabilities, Operation
from providers.registry import NAMES, Provider, load, load_sandbox
from providers.sandbox.certificate_authority import CertificateAuthority


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        marks = list(metafunc.definition.iter_markers("needs"))
        metafunc.parametrize("kind", [kind for kind in NAMES if all(_has(load(kind), mark) for mark in marks)])


def _has(provider: Provider, mark: pytest.Mark) -> bool:
    operations = {Operation(name) for name in mark.args}
    where: Callable[[Capabilities], bool] = mark.kwargs.get("where", lambda can: True)
    return operations <= declared(provider.capabilities) and where(provider.capabilities)


@pytest.fixture(scope="session")
def authority() -> CertificateAuthority:
    return CertificateAuthority()


@pytest.fixture
def provider(kind: str) -> Provider:
    return load(kind)


@pytest.fixture
def changes() -> dict[str, object]:
    """Changes to the settings, overridden by tests that need some."""
    return {}


@pytest.fixture
def transport() -> str:
    """The transport of calls, overridden by modules whose tests run over every one."""
    return "http1"


@pytest.fixture
async def subject(
    provider: Provider, authority: CertificateAuthority, changes: dict[str, object], transport: str
) -> AsyncIterator[Subject]:
    clock = FastForwardClock()
    sandbox = load_sandbox(provider.kind)(clock=SandboxClock(clock), authority=authority)
    async with sandbox.serving() as url:
        settings = provider.settings(**(sandbox.settings(url) | {"transport": transport} | changes))
        async with provider.adapter(settings, clock=clock) as adapter:
            yield Subject(provider, sandbox, settings, adapter, clock, url)
