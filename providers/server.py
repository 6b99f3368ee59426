"""A real port for an ASGI application, within the event loop of whoever asks for it."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import uvicorn

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_SHUTDOWN_SECONDS = 1
_TICK_SECONDS = 0.1
_MOMENT = 0.001


class _Server(uvicorn.Server):
    """One that leaves signals to whoever runs the event loop, and stops as soon as it is told to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        ticks = itertools.count()
        while not await self.on_tick(next(ticks)) and not self.told.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.told.wait(), _TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, but for its naps of a tenth of a second."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if tasks := set(self.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=_SHUTDOWN_SECONDS)
            for task in late:
                task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 (nor for this)
                    await asyncio.sleep(_MOMENT)
        await self.lifespan.shutdown()


@asynccontextmanager
async def serving(app: Asgi, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serves an ASGI application on a real port in this event loop; gives its address.

    Raises ``OSError`` where the port is taken.
    """
    listener = socket.create_server((host, port))
    # asyncio does so only for sockets that name their protocol; without it each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(app, log_level="warning", lifespan="auto", ws="none")
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name=f"server on {host}:{listener.getsockname()[1]}")
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(_MOMENT)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.told.set()
        await task
        listener.close()
