"""WebSockets as uvicorn serves them, but for clients who stop reading, or send what is none of the protocol.

ASGI has no word for any of it: an application can only wait.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.server.write_timeout import Watched, break_off

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from websockets.frames import Frame

    from gateway.server.http_protocol import Config

_KERNEL_BYTES = 65_536
_FRAGMENTS = 1_000
"""Of one WebSocket message, which may be empty: its size bounds them not."""


class WebSocketProtocol(Watched, WebSocketsSansIOProtocol):
    """WebSocket. Whoever does not read cannot keep a close frame from being written, nor the connection from ending."""

    config: Config

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the kernel from taking megabytes for somebody who does not read, who is then found out the sooner."""
        held = transport.get_extra_info("socket")
        if held is not None:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        """Hears no more of a client that does not read: each ping would be answered into the same buffer."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """Adds a fragment to a message, unless it has too many."""
        if len(self.frames) < _FRAGMENTS:
            super().handle_cont(event)
        else:
            self._fail(1009, "too many fragments")

    def send_receive_event_to_app(self) -> None:
        """Hands a message on, unless it is called text and is none, for which uvicorn would log a traceback."""
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
        """Receives, as ASGI has it."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self.writable.is_set():
                self.transport.resume_reading()
        return message

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
