"""Uvicorn server with a bounded graceful drain, as a process or embedded in the caller's event loop."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from gateway.server.admission import ConnectionLimits
from gateway.server.config import Config
from gateway.server.write_timeout import reset_connection

ShutdownHook = Callable[[], Awaitable[None]]

_WRITE_TIMEOUT: Final = 20.0
_HOOK_SECONDS = 1.0
_HANDSHAKE_SECONDS = 0.5
_CLOSE_SECONDS = 0.5
_TICK_SECONDS = 0.1
_POLL_SECONDS = 0.001


class Server(uvicorn.Server):
    """Shuts down in a bounded time, whatever its clients do.

    ``on_shutdown`` is called first, when no new connection can be made any more, and closes subscriptions; requests then
    have ``grace`` seconds to complete.
    """

    def __init__(self, config: Config, *, on_shutdown: ShutdownHook | None = None, grace: float = 2.0) -> None:
        super().__init__(config)
        self._on_shutdown = on_shutdown
        self._grace = grace

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes in turn: listeners, subscriptions, requests, connections, the application."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        if self._on_shutdown is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_HOOK_SECONDS):
                    await self._on_shutdown()
            await self._wait_until(
                lambda: not any(getattr(each, "close_sent", False) for each in self._connections), _HANDSHAKE_SECONDS
            )
        for connection in self._connections:
            connection.shutdown()
        await self._wait_until(lambda: not self.server_state.tasks, self._grace)
        for task in tuple(self.server_state.tasks):
            task.cancel()
        await self._wait_until(lambda: not self._connections and not self.server_state.tasks, _CLOSE_SECONDS)
        for connection in self._connections:
            reset_connection(connection.transport)
        await self._wait_until(lambda: not self._connections and not self.server_state.tasks, _CLOSE_SECONDS)
        await self.lifespan.shutdown()

    @property
    def _connections(self) -> tuple[Any, ...]:
        return tuple(self.server_state.connections)

    async def _wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Polls a condition for a bounded time; uvicorn has no event for any of these."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition() and not self.force_exit:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)


class _EmbeddedServer(Server):
    """Leaves signals to the owner of the event loop, and stops once ``stopping`` is set."""

    def __init__(self, config: Config, *, on_shutdown: ShutdownHook | None) -> None:
        super().__init__(config, on_shutdown=on_shutdown, grace=1.0)
        self.stopping = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        ticks = itertools.count()
        while not await self.on_tick(next(ticks)) and not self.stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), _TICK_SECONDS)


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
    listener = socket.create_server((host, port))
    # asyncio sets this only on sockets that name their protocol; without it each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = Config(app, write_timeout=write_timeout, limits=limits, log_level="warning", lifespan="auto")
    server = _EmbeddedServer(config, on_shutdown=on_shutdown)
    address = f"http://{host}:{listener.getsockname()[1]}"
    task = asyncio.create_task(server.serve(sockets=[listener]), name=f"server at {address}")
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(_POLL_SECONDS)
        yield address
    finally:
        server.stopping.set()
        await task
        listener.close()
