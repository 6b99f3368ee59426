"""A database that can be taken away: a proxy in front of it, whose connections can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Forwards connections to a database until they are cut; then it refuses new ones until it is restored."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._open: set[asyncio.StreamWriter] = set()
        self._away = False

    def cut(self) -> None:
        """The database is gone for all its clients."""
        self._away = True
        for writer in tuple(self._open):
            writer.transport.abort()

    def restore(self) -> None:
        """It is back."""
        self._away = False

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._away:
            writer.transport.abort()
            return
        behind, forth = await asyncio.open_connection(*self._behind)
        self._open |= {writer, forth}
        try:
            await asyncio.gather(_forward(reader, forth), _forward(behind, writer))
        finally:
            self._open -= {writer, forth}


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy in front of the database at an address; gives the address of the proxy as well."""
    parts = urlsplit(url)
    proxy = Proxy(parts.hostname or "127.0.0.1", parts.port or 5432)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")
    finally:
        server.close()
        proxy.cut()
