"""A connection whose client does not read is broken off, and what was not read is forgotten."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.server.http_protocol import Config


def break_off(transport: asyncio.Transport) -> None:
    """Ends a connection and forgets what was not read of it, also in the kernel, which would keep megabytes for minutes."""
    held = transport.get_extra_info("socket")
    if held is not None:
        with suppress(OSError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Watched(asyncio.Protocol):
    """Breaks a connection off when hardly anything of what was written to it is read within ``limit`` seconds."""

    config: Config
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    client: tuple[str, int] | None
    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """More is written than is read."""
        super().pause_writing()
        self.look_later()

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        self._let_be()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody left to wait for."""
        self._let_be()
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        self.config.admission.leave(self.client[0] if self.client else "")

    @property
    def looking(self) -> bool:
        """Whether it is looked whether more has been read."""
        return self._unread is not None

    def look_later(self) -> None:
        """Looks after ``limit`` seconds whether more has been read."""
        self._let_be()
        waiting = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(self.config.limit, self._look, waiting)

    def _look(self, waiting: int) -> None:
        if waiting - self.transport.get_write_buffer_size() < self.config.bounds.pace * self.config.limit:
            break_off(self.transport)
        else:
            self.look_later()

    def _let_be(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
