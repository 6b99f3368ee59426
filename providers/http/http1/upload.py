"""Upload of a streamed request body: framed by its length or in chunks, under back-pressure and a write timeout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from providers.http.transport import TimeoutException, TransportError

_LAST_CHUNK: Final = b"0\r\n\r\n"


class FlowControl:
    """Back-pressure of one connection: writers wait while its write buffer is full."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._drained: asyncio.Future[None] | None = None

    def pause_writing(self) -> None:
        """The write buffer is full."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """The write buffer has drained, or there is no connection any more."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    async def drain(self, write_timeout: float) -> None:
        """Waits until there is room in the write buffer. Raises ``TimeoutException``."""
        if self._drained is not None:
            try:
                async with asyncio.timeout(write_timeout):
                    await self._drained
            except TimeoutError as error:
                raise TimeoutException("The body was not taken in time.") from error


class Upload:
    """Sends one body of ``length`` bytes, or in chunks where it has none, and closes its source.

    Each piece may take ``write_timeout`` seconds.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        flow: FlowControl,
        body: AsyncIterator[bytes],
        length: int | None,
        write_timeout: float,
    ) -> None:
        self._transport = transport
        self._flow = flow
        self._body = body
        self._length = length
        self._write_timeout = write_timeout

    async def send(self, head: bytes) -> None:
        """Sends the head with the first piece, and the rest. Raises ``TransportError``, or what the source raises."""
        left = self._length
        try:
            async for piece in self._body:
                if left is not None:
                    left -= len(piece)
                    if left < 0:
                        break
                if piece:
                    await self._write(head + (piece if left is not None else _chunk(piece)))
                    head = b""
            if left:
                raise TransportError("The body is not as long as its headers say.")
            await self._write(head if left is not None else head + _LAST_CHUNK)
        finally:
            # A source that is left to the garbage collector may still hold a file open.
            if isinstance(self._body, AsyncGenerator):
                await self._body.aclose()

    async def _write(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise TransportError("The connection was closed.")
        self._transport.write(data)
        await self._flow.drain(self._write_timeout)


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
