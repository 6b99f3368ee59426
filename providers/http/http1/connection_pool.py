"""Connection pool of one host: idle connections are kept for the next request, and closed when they expire."""

from __future__ import annotations

import asyncio

from providers.http.http1.connection import Http1Connection
from providers.http.http1.route import Route
from providers.http.transport import ConnectError, TransportError


class ConnectionPool:
    """Holds as many connections as requests were under way at once.

    Connecting may take ``connect_timeout`` seconds; an idle connection is closed after ``keepalive_expiry``.
    """

    def __init__(self, route: Route, *, connect_timeout: float, keepalive_expiry: float) -> None:
        self.route = route
        self._connect_timeout = connect_timeout
        self._keepalive_expiry = keepalive_expiry
        self._open: set[Http1Connection] = set()
        self._idle: list[Http1Connection] = []
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._all_closed: asyncio.Future[None] | None = None

    def acquire_idle(self) -> Http1Connection | None:
        """The connection that was used last, where one is idle and usable."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    async def connect(self, seconds: float | None) -> Http1Connection:
        """A new connection, made within so many seconds. Raises ``ConnectError``."""
        limit = self._connect_timeout if seconds is None else min(self._connect_timeout, seconds)
        try:
            async with asyncio.timeout(limit):
                connection = await self.route.connect(self._create_connection)
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
        """Closes every connection; none is made any more."""
        self._closed = True
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
        for connection in self._open:
            connection.abort()
        if self._open:
            self._all_closed = asyncio.get_running_loop().create_future()
            await self._all_closed

    def _create_connection(self) -> Http1Connection:
        return Http1Connection(self._connection_idle, self._connection_closed)

    def _connection_closed(self, connection: Http1Connection) -> None:
        self._open.discard(connection)
        if self._all_closed is not None and not self._open and not self._all_closed.done():
            self._all_closed.set_result(None)

    def _connection_idle(self, connection: Http1Connection) -> None:
        self._idle.append(connection)
        if self._expiry_timer is None:
            self._schedule_expiry()

    def _schedule_expiry(self) -> None:
        """Calls back when the connection that was used longest ago, which is the first, expires."""
        self._expiry_timer = asyncio.get_running_loop().call_at(
            self._idle[0].idle_since + self._keepalive_expiry, self._close_expired_connections
        )

    def _close_expired_connections(self) -> None:
        """Closes the connections that have been idle for ``keepalive_expiry`` seconds."""
        since = asyncio.get_running_loop().time() - self._keepalive_expiry
        while self._idle and self._idle[0].idle_since <= since:
            self._idle.pop(0).abort()
        self._expiry_timer = None
        if self._idle:
            self._schedule_expiry()
