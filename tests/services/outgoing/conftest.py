"""Fixtures that connect an HTTP client to a scripted server, over each transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest
from starlette.applications import Starlette
from upstream import Scripted, Settings, Watch

from providers.http.client import HttpClient
from providers.http.http1.transport import Http1Transport
from providers.http.httpx_transport import HttpxTransport
from providers.http.transport import Transport
from providers.sandbox.server import serving

TRANSPORTS = {"http1": Http1Transport, "httpx": HttpxTransport}


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """The name of the transport that calls travel over."""
    name: str = request.param
    return name


@pytest.fixture
def opened(transport: str) -> Callable[..., AbstractAsyncContextManager[Transport]]:
    """Opens the transport alone, without what ``providers.http.client`` puts around it."""

    @asynccontextmanager
    async def opened(idle: float = 5.0) -> AsyncIterator[Transport]:
        made = TRANSPORTS[transport](connect_timeout=2, write_timeout=2, keepalive_expiry=idle)
        try:
            yield made
        finally:
            await made.close()

    return opened


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def connect(watch: Watch, transport: str) -> AsyncIterator[Callable[..., Awaitable[HttpClient]]]:
    """Serves an application, or takes the address of one, and connects to it."""
    async with AsyncExitStack() as stack:

        async def connect(target: Scripted | Starlette | str, **options: object) -> HttpClient:
            if isinstance(target, str):
                url = target
            else:
                url = await stack.enter_async_context(serving(target.app if isinstance(target, Scripted) else target))
            keys = {key: options.pop(key) for key in ("timeout", "max_concurrency", "max_answer_bytes") if key in options}
            http = HttpClient(Settings(name="acme", base_url=url, transport=transport, **keys), **{"clock": watch, **options})
            stack.push_async_callback(http.close)
            return http

        yield connect


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
