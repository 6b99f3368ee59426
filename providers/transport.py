"""Protocols of uvicorn that part with clients who stop reading, or stop sending in the midst of a request.

ASGI has no word for either: an application can only wait.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

MAX_MESSAGE = 2**20
"""Bytes of one WebSocket message."""
_KERNEL_BYTES = 65_536


class Config(uvicorn.Config):
    """Serves with these protocols. ``limit`` is how long, in seconds, a client may keep us waiting."""

    def __init__(self, app: Any, *, limit: float, **given: Any) -> None:
        self.limit = limit
        super().__init__(
            app,
            http=HttpProtocol,
            ws=WebSocketProtocol,
            ws_max_size=MAX_MESSAGE,
            # An idle connection would hold two compressors, and be pinged a second time.
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            **given,
        )


def break_off(transport: asyncio.Transport) -> None:
    """Ends a connection and forgets what was not read of it, also in the kernel, which would keep megabytes for minutes."""
    held = transport.get_extra_info("socket")
    if held is not None:
        with suppress(OSError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Watched(asyncio.Protocol):
    """Breaks a connection off when what was written to it is not read for ``limit`` seconds."""

    config: Config
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """More is written than is read."""
        super().pause_writing()
        self._abort_later()

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        self._let_be()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody left to wait for."""
        self._let_be()
        super().connection_lost(exc)

    def _abort_later(self) -> None:
        self._let_be()
        self._unread = self.loop.call_later(self.config.limit, break_off, self.transport)

    def _let_be(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class HttpProtocol(_Watched, HttpToolsProtocol):
    """HTTP/1.1. A request that was begun has to go on, and a connection has to bring one."""

    config: Config
    _heard_at = 0.0
    _listening: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a request."""
        super().connection_made(transport)
        self._heard_at = self.loop.time()
        self._listen()

    def data_received(self, data: bytes) -> None:
        """The client is heard."""
        self._heard_at = self.loop.time()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody left to wait for."""
        self._stop_listening()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection over."""
        self._stop_listening()
        super().handle_websocket_upgrade()
        # The parser and this protocol hold each other, and there is no more use for either.
        self.parser = self.scope = self.headers = None  # type: ignore[assignment]

    def _listen(self) -> None:
        """Looks again when the client has been silent for long enough, if it stays so."""
        rest = self._heard_at + self.config.limit - self.loop.time()
        if rest <= 0 and self._owed():
            break_off(self.transport)
        else:
            self._listening = self.loop.call_later(rest if rest > 0 else self.config.limit, self._listen)

    def _owed(self) -> bool:
        """Whether it is the client's turn to send."""
        if self.cycle is None:
            return True
        if self.cycle.response_complete:
            return self.timeout_keep_alive_task is None
        return self.cycle.more_body and not self.flow.read_paused and not self.cycle.waiting_for_100_continue

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None


class WebSocketProtocol(_Watched, WebSocketsSansIOProtocol):
    """WebSocket. Whoever does not read cannot keep a close frame from being written, nor the connection from ending."""

    config: Config

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the kernel from taking megabytes for somebody who does not read, who is then found out the sooner."""
        held = transport.get_extra_info("socket")
        if held is not None:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
        super().connection_made(transport)

    async def send(self, message: ASGISendEvent) -> None:
        """Sends, as ASGI has it."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if message["type"] == "websocket.accept":
            # Its parser, which lives as long as the connection, holds on to the request.
            self.request.headers.clear()
            self.request = self.response = None  # type: ignore[assignment]
        elif self.close_timer is not None:
            # Where uvicorn would close, which waits for what is not read.
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.config.limit / 2, break_off, self.transport)
