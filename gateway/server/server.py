"""Uvicorn server with a bounded graceful drain, as a process or embedded in the caller's event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from gateway.server.admission import ConnectionLimits
from gateway.server.config import Config
from gateway.server.write_timeout import reset_connection
from providers.sandbox.server import EmbeddedServer, serve_embedded

ShutdownHook = Callable[[], Awaitable[None]]

_WRITE_TIMEOUT: Final = 20.0
_HOOK_SECONDS = 1.0
_HANDSHAKE_SECONDS = 0.5
_CLOSE_SECONDS = 0.5
_EMBEDDED_GRACE = 1.0
_POLL_SECONDS = 0.001


class Drain:
    """Shuts a server down in a bounded time, whatever its clients do.

    ``on_shutdown`` is called first, when no new connection can be made any more, and closes subscriptions; requests then
    have ``grace`` seconds to complete.
    """

    def __init__(self, on_shutdown: ShutdownHook | None, grace: float) -> None:
        self._on_shutdown = on_shutdown
        self._grace = grace

    async def run(self, server: uvicorn.Server, listeners: Sequence[socket.socket]) -> None:
        """Closes in turn: listeners, subscriptions, requests, connections, the application."""
        state = server.server_state
        for accepting in server.servers:
            accepting.close()
        for listener in listeners:
            listener.close()
        if self._on_shutdown is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_HOOK_SECONDS):
                    await self._on_shutdown()
            await _wait_until(
                server, lambda: not any(getattr(each, "close_sent", False) for each in state.connections), _HANDSHAKE_SECONDS
            )
        for connection in tuple(state.connections):
            connection.shutdown()
        await _wait_until(server, lambda: not state.tasks, self._grace)
        for task in tuple(state.tasks):
            task.cancel()
        await _wait_until(server, lambda: not state.connections and not state.tasks, _CLOSE_SECONDS)
        for connection in tuple(state.connections):
            reset_connection(connection.transport)
        await _wait_until(server, lambda: not state.connections and not state.tasks, _CLOSE_SECONDS)
        await server.lifespan.shutdown()


class Server(uvicorn.Server):
    """A server of its own process, which drains when it is signalled to stop."""

    def __init__(self, config: Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drains."""
        await self._drain.run(self, sockets or ())


class _DrainingServer(EmbeddedServer):
    """A server embedded in the caller's event loop, which drains as one of its own process does."""

    def __init__(self, config: Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._drain.run(self, sockets or ())


async def _wait_until(server: uvicorn.Server, condition: Callable[[], bool], seconds: float) -> None:
    """Polls a condition for a bounded time; uvicorn has no event for any of these."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition() and not server.force_exit:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def serve_app(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    write_timeout: float = _WRITE_TIMEOUT,
    limits: ConnectionLimits | None = None,
    on_shutdown: ShutdownHook | None = None,
) -> AsyncIterator[str]:
    """Serves an ASGI application on a real port, a free one unless named, in this event loop; gives its base address.

    Raises ``OSError`` where the port is taken.
    """
    config = Config(app, write_timeout=write_timeout, limits=limits, log_level="warning", lifespan="auto")
    async with serve_embedded(_DrainingServer(config, Drain(on_shutdown, _EMBEDDED_GRACE)), host, port) as address:
        yield address
