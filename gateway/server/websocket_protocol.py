"""WebSocket protocol of uvicorn with a write timeout, and limits on messages.

ASGI has no event for a client that stops reading: an application can only wait.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.server.write_timeout import WriteTimeout, reset_connection

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from websockets.frames import Frame

    from gateway.server.config import Config

_SEND_BUFFER_BYTES = 65_536
_MAX_FRAGMENTS = 1_000
"""Of one WebSocket message: they may be empty, so that its size does not bound them."""


class WebSocketProtocol(WriteTimeout, WebSocketsSansIOProtocol):
    """WebSocket: a client that does not read cannot keep a close frame from being written, nor the connection from ending."""

    config: Config

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bounds the kernel's send buffer: it would take megabytes for a client that does not read, and hide that for long."""
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        """Stops reading from a client that does not read: each ping would be answered into the same buffer."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Reads again: the client has caught up."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """Adds a fragment to a message, unless it has too many."""
        if len(self.frames) < _MAX_FRAGMENTS:
            super().handle_cont(event)
        else:
            self._fail(1009, "too many fragments")

    def send_receive_event_to_app(self) -> None:
        """Hands a message on; fails on text that is not UTF-8, for which uvicorn would log a traceback."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._fail(1007, "this is no text")
                return
        super().send_receive_event_to_app()

    def _fail(self, code: int, reason: str) -> None:
        self.frames = []
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    async def receive(self) -> ASGIReceiveEvent:
        """Receives the next ASGI event; reads again once the queue is empty."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self.writable.is_set():
                self.transport.resume_reading()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Sends an ASGI event; a close does not wait for the write buffer, and frees the request once it is accepted."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if message["type"] == "websocket.accept":
            # The parser lives as long as the connection, and would keep the request.
            self.request.headers.clear()
            self.request = self.response = None  # type: ignore[assignment]
        elif self.close_timer is not None:
            # uvicorn would close, which waits for what is not read.
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.config.write_timeout / 2, reset_connection, self.transport)
