"""Thousands of subscribers that cost next to nothing: each is a socket that counts what it is told."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

_NEXT = b'"type":"next"'
_AT_ONCE = 100


class Listener(asyncio.Protocol):
    """One WebSocket with one subscription. ``told_at`` is when each result came."""

    def __init__(self, host: str, query: str, variables: Mapping[str, Any]) -> None:
        self.told_at: list[float] = []
        self._host = host
        self._asked = {"type": "subscribe", "id": "1", "payload": {"query": query, "variables": variables}}
        self._upgraded = False
        self._changed = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /graphql HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            self._upgraded = True
            self._say({"type": "connection_init"})
            self._say(self._asked)
        if b'"type":"ping"' in data:
            self._say({"type": "pong"})
        for _ in range(data.count(_NEXT)):
            self.told_at.append(time.perf_counter())
        self._changed.set()

    async def told(self, count: int) -> float:
        """Waits for so many results; gives when the last of them came."""
        while len(self.told_at) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.told_at[count - 1]

    def _say(self, message: Mapping[str, Any]) -> None:
        text = json.dumps(message).encode()
        size = bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0x80 | 126]) + len(text).to_bytes(2, "big")
        self.transport.write(b"\x81" + size + bytes(4) + text)


async def listeners(address: str, count: int, query: str, variables: Mapping[str, Any]) -> Sequence[Listener]:
    """So many subscribers, each of which has had its first result."""
    loop, where = asyncio.get_running_loop(), urlsplit(address)
    made: list[Listener] = []
    while len(made) < count:
        some = [Listener(where.netloc, query, variables) for _ in range(min(_AT_ONCE, count - len(made)))]
        await asyncio.gather(*(loop.create_connection(lambda each=each: each, where.hostname, where.port) for each in some))
        await asyncio.gather(*(each.told(1) for each in some))
        made += some
    return made
