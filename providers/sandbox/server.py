"""HTTP server of the sandboxes: uvicorn on a real port, embedded in the caller's event loop."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

_TICK_SECONDS = 0.1
_POLL_SECONDS = 0.001
_GRACE_SECONDS = 1


class EmbeddedServer(uvicorn.Server):
    """Leaves signals to the owner of the event loop, and stops as soon as ``stopping`` is set.

    uvicorn pauses for a tenth of a second between the steps of its shutdown; thousands of sandboxes are stopped by the tests.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    async def main_loop(self) -> None:
        """Serves until ``stopping`` is set."""
        ticks = itertools.count()
        while not await self.on_tick(next(ticks)) and not self.stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), _TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes the listeners, then the connections; requests under way have one second to end."""
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        state = self.server_state
        for connection in tuple(state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                while state.connections or state.tasks:  # noqa: ASYNC110 (uvicorn has no event for it)
                    await asyncio.sleep(_POLL_SECONDS)
        for task in tuple(state.tasks):
            task.cancel()
        await self.lifespan.shutdown()


@asynccontextmanager
async def serving(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serves an application on a port, a free one unless named; gives its base address.

    Requests under way have one second to end when it stops. Raises ``OSError`` where the port is taken.
    """
    config = uvicorn.Config(app, log_config=None, log_level="warning", access_log=False, interface="asgi3")
    async with serve_embedded(EmbeddedServer(config), host, port) as address:
        yield address


@asynccontextmanager
async def serve_embedded(server: EmbeddedServer, host: str, port: int) -> AsyncIterator[str]:
    """Runs a server on a port until the context ends; gives its base address. Raises ``OSError`` where the port is taken."""
    listener = socket.create_server((host, port))
    # asyncio sets this only on sockets that name their protocol; without it each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
