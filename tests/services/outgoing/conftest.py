"""Connections of ``providers.http`` to what a test serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from starlette.applications import Starlette
from upstream import Scripted, Settings, Watch

from providers.http import Http
from providers.sandbox import serving


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def connect(watch: Watch) -> AsyncIterator[Callable[..., Awaitable[Http]]]:
    """Serves an application, or takes the address of one, and connects to it."""
    async with AsyncExitStack() as stack:

        async def connect(target: Scripted | Starlette | str, **options: object) -> Http:
            if isinstance(target, str):
                url = target
            else:
                url = await stack.enter_async_context(serving(target.app if isinstance(target, Scripted) else target))
            keys = {key: options.pop(key) for key in ("timeout", "max_concurrency", "max_answer_bytes") if key in options}
            http = Http(Settings(name="acme", base_url=url, **keys), **{"clock": watch, **options})
            stack.push_async_callback(http.close)
            return http

        yield connect


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
