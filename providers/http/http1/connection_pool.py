"""Connections to one host, which stay open for the next call."""

from __future__ import annotations

import asyncio

from providers.http.http1.connection import Http1Connection
from providers.http.http1.route import Route
from providers.http.transport import ConnectError, TransportError


class ConnectionPool:
    """Has as many connections as calls were under way at once.

    Making one may take ``patience`` seconds; one that is used by nobody is ended after ``idle``.
    """

    def __init__(self, route: Route, *, patience: float, idle: float) -> None:
        self.route = route
        self._patience = patience
        self._keep = idle
        self._open: set[Http1Connection] = set()
        self._idle: list[Http1Connection] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._emptied: asyncio.Future[None] | None = None

    def kept(self) -> Http1Connection | None:
        """A connection that waits for a call, where there is one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.abort()
        return None

    async def opened(self, patience: float | None) -> Http1Connection:
        """A new connection. Raises ``ConnectError``."""
        limit = self._patience if patience is None else min(self._patience, patience)
        try:
            async with asyncio.timeout(limit):
                connection = await self.route.open(self._made)
        except TimeoutError as error:
            raise ConnectError("Connecting took too long.") from error
        except (TransportError, OSError, ValueError) as error:
            raise ConnectError(type(error).__name__) from None
        if self._closed or connection.transport.is_closing():
            connection.abort()
            raise ConnectError("The connection was closed.")
        self._open.add(connection)
        return connection

    async def close(self) -> None:
        """Ends every connection; none is made any more."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in self._open:
            connection.abort()
        if self._open:
            self._emptied = asyncio.get_running_loop().create_future()
            await self._emptied

    def _made(self) -> Http1Connection:
        return Http1Connection(self._freed, self._lost)

    def _lost(self, connection: Http1Connection) -> None:
        self._open.discard(connection)
        if self._emptied is not None and not self._open and not self._emptied.done():
            self._emptied.set_result(None)

    def _freed(self, connection: Http1Connection) -> None:
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweep_later()

    def _sweep_later(self) -> None:
        """When the one that was used longest ago, which is the first, is due."""
        self._sweeper = asyncio.get_running_loop().call_at(self._idle[0].idle_since + self._keep, self._sweep)

    def _sweep(self) -> None:
        """Ends connections that nobody has used for a while."""
        since = asyncio.get_running_loop().time() - self._keep
        while self._idle and self._idle[0].idle_since <= since:
            self._idle.pop(0).abort()
        self._sweeper = None
        if self._idle:
            self._sweep_later()
