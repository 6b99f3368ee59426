"""A real port for an ASGI application, within the event loop of whoever asks for it."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from gateway.server.admission import Bounds
from gateway.server.http_protocol import Config
from gateway.server.write_timeout import break_off

Farewell = Callable[[], Awaitable[None]]

PATIENCE: Final = 20.0
_FAREWELL_SECONDS = 1.0
_HANDSHAKE_SECONDS = 0.5
_END_SECONDS = 0.5
_TICK_SECONDS = 0.1
_MOMENT = 0.001


class Server(uvicorn.Server):
    """Stops in a bounded time, whatever its clients do.

    ``farewell`` is called first, when no new connection can be made any more; what is under way then has ``grace``
    seconds to end by itself.
    """

    def __init__(self, config: Config, *, farewell: Farewell | None = None, grace: float = 2.0) -> None:
        super().__init__(config)
        self._farewell = farewell
        self._grace = grace

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends everything in turn: listening, subscriptions, requests, connections, the application."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        if self._farewell is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await self._farewell()
            await self._until(lambda: not any(getattr(each, "close_sent", False) for each in self._open), _HANDSHAKE_SECONDS)
        for connection in self._open:
            connection.shutdown()
        await self._until(lambda: not self.server_state.tasks, self._grace)
        for task in tuple(self.server_state.tasks):
            task.cancel()
        await self._until(lambda: not self._open and not self.server_state.tasks, _END_SECONDS)
        for connection in self._open:
            break_off(connection.transport)
        await self._until(lambda: not self._open and not self.server_state.tasks, _END_SECONDS)
        await self.lifespan.shutdown()

    @property
    def _open(self) -> tuple[Any, ...]:
        return tuple(self.server_state.connections)

    async def _until(self, so: Callable[[], bool], seconds: float) -> None:
        """Waits until it is so, for a bounded time; uvicorn has no event for any of it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not so() and not self.force_exit:  # noqa: ASYNC110
                    await asyncio.sleep(_MOMENT)


class _Guest(Server):
    """One that leaves signals to whoever runs the event loop, and stops as soon as it is told to."""

    def __init__(self, config: Config, *, farewell: Farewell | None) -> None:
        super().__init__(config, farewell=farewell, grace=1.0)
        self.told = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        ticks = itertools.count()
        while not await self.on_tick(next(ticks)) and not self.told.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.told.wait(), _TICK_SECONDS)


@asynccontextmanager
async def serving(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    limit: float = PATIENCE,
    bounds: Bounds | None = None,
    farewell: Farewell | None = None,
) -> AsyncIterator[str]:
    """Serves an ASGI application on a real port in this event loop; gives its address.

    A client that does not read, or stops in the midst of a request, is parted with after ``limit`` seconds, and at once
    where it takes more than ``bounds``; ``farewell`` is called before the server stops. Raises ``OSError`` where the port
    is taken.
    """
    listener = socket.create_server((host, port))
    # asyncio does so only for sockets that name their protocol; without it each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = _Guest(Config(app, limit=limit, bounds=bounds, log_level="warning", lifespan="auto"), farewell=farewell)
    address = f"http://{host}:{listener.getsockname()[1]}"
    task = asyncio.create_task(server.serve(sockets=[listener]), name=f"server at {address}")
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(_MOMENT)
        yield address
    finally:
        server.told.set()
        await task
        listener.close()
