"""Write timeout: resets a connection whose client does not read, and drops what it has not read."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.server.config import Config


def reset_connection(transport: asyncio.Transport) -> None:
    """Ends a connection by RST, which drops the kernel's send buffer too: it would keep megabytes for minutes."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class WriteTimeout(asyncio.Protocol):
    """Mixin of protocols: resets the connection when hardly anything of the write buffer drains within ``write_timeout``."""

    config: Config
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    client: tuple[str, int] | None
    _write_timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Starts the timer: more is written than is read."""
        super().pause_writing()
        self.start_write_timer()

    def resume_writing(self) -> None:
        """Stops the timer: the client has caught up."""
        super().resume_writing()
        self._stop_write_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the timer, and releases the connection's place."""
        self._stop_write_timer()
        self._release_place()
        super().connection_lost(exc)

    def _release_place(self) -> None:
        self.config.admission.release(self.client[0] if self.client else "")

    @property
    def write_timer_is_running(self) -> bool:
        """Whether the write buffer is being checked."""
        return self._write_timer is not None

    def start_write_timer(self) -> None:
        """Checks after ``write_timeout`` seconds how much of the write buffer has drained."""
        self._stop_write_timer()
        buffered = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(self.config.write_timeout, self._check_drained, buffered)

    def _check_drained(self, buffered: int) -> None:
        drained = buffered - self.transport.get_write_buffer_size()
        if drained < self.config.limits.min_body_rate * self.config.write_timeout:
            reset_connection(self.transport)
        else:
            self.start_write_timer()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
