"""Slow consumers and stalled requests: closed within their timeouts, without delaying other clients."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from typing import Self
from urllib.parse import urlsplit

import pytest
from theatre import Theatre
from theatre import theatre as playing

from tests.liveclient import PROTOCOL, live

PATIENCE = 0.5
SIZE = 16_384
FLOOD = f'subscription {{ flood(size: {SIZE}, name: "stuck") }}'


class Idler:
    """A socket whose owner reads when they feel like it; the kernel holds next to nothing for them."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(0)
        self._where = (urlsplit(address).hostname, urlsplit(address).port)

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().sock_connect(self.socket, self._where)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.socket.close()

    async def say(self, content: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, content)

    async def read(self, count: int = 65_536) -> bytes:
        async with asyncio.timeout(10):
            return await asyncio.get_running_loop().sock_recv(self.socket, count)

    async def ended(self) -> bytes:
        """What is left to read until the connection ends, properly or not."""
        found = b""
        try:
            while piece := await self.read():
                found += piece
        except ConnectionResetError:
            found += b"(reset)"
        return found

    async def upgrade(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        await self.say(
            f"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n".encode()
        )
        assert b"101" in await self.read()
        await self.message({"type": "connection_init"})
        assert b"connection_ack" in await self.read()

    async def message(self, content: object) -> None:
        text = json.dumps(content).encode()
        length = bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0x80 | 126]) + len(text).to_bytes(2, "big")
        await self.say(b"\x81" + length + bytes(4) + text)

    async def flood(self) -> None:
        await self.upgrade()
        await self.message({"type": "subscribe", "id": "1", "payload": {"query": FLOOD}})

    async def stream(self) -> None:
        body = json.dumps({"query": FLOOD})
        await self.say(
            f"POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )


@pytest.mark.parametrize("how", ["flood", "stream"])
async def test_slow_consumer_is_closed_without_delaying_others(how: str) -> None:
    async with playing(patience=PATIENCE) as theatre, live(theatre.address) as other, Idler(theatre.address) as idler:
        await getattr(idler, how)()
        loop = asyncio.get_running_loop()
        late: list[float] = []
        before = loop.time()
        async with asyncio.timeout(5):
            async for _ in other.subscribe("subscription { tick }"):
                late.append(loop.time() - before)
                before = loop.time()
                if theatre.ledger.ended["stuck"] and len(theatre.connections) == 1:
                    break
        assert len(late) >= 20
        assert max(late) < 0.3
        async with asyncio.timeout(2 * PATIENCE + 1):
            while connected(idler):  # noqa: ASYNC110 (it is the kernel that knows)
                await asyncio.sleep(0.01)


def connected(idler: Idler) -> bool:
    """Whether the server still has its end of a connection, by the kernel's own list."""
    port = f"{idler.socket.getsockname()[1]:04X}"
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table]
    return any(row[2].endswith(f":{port}") and row[3] in {"01", "04", "08"} for row in rows)


@pytest.mark.parametrize("how", ["flood", "stream"])
async def test_memory_of_a_slow_consumer_is_bounded(theatre: Theatre, how: str) -> None:
    async with Idler(theatre.address) as idler:
        await getattr(idler, how)()
        await theatre.until(theatre.ledger.given, "stuck")
        await asyncio.sleep(1)
        given = theatre.ledger.given["stuck"]
        await asyncio.sleep(0.5)
        assert theatre.ledger.given["stuck"] == given, "the source is asked for no more"
        kernel = 4 * 2**20
        assert given * SIZE < kernel + 2**17


async def test_slow_consumer_that_reads_in_time_is_told_to_resume() -> None:
    async with playing(patience=PATIENCE) as theatre, Idler(theatre.address) as idler:
        await idler.flood()
        await theatre.until(theatre.ledger.ended, "stuck")
        last = (await idler.ended())[-120:]
        code = (1013).to_bytes(2, "big")
        assert code in last
        assert b"`after`" in last.partition(code)[2]


async def test_waiting_source_keeps_no_slow_consumer_alive() -> None:
    """Nothing more is sent, so that nothing but the full buffer tells that the client does not read."""
    async with playing(patience=PATIENCE) as theatre, Idler(theatre.address) as idler:
        await idler.upgrade()
        await idler.message({"type": "subscribe", "id": "1", "payload": {"query": "subscription { burst }"}})
        await theatre.until(theatre.ledger.begun, "burst")
        await theatre.until(theatre.ledger.ended, "burst")


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /graph",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    ],
    ids=["nothing", "a line", "headers", "a body"],
)
async def test_stalled_request_is_closed(begun: bytes) -> None:
    async with playing(patience=PATIENCE) as theatre, Idler(theatre.address) as idler:
        await idler.say(begun)
        started = asyncio.get_running_loop().time()
        assert await idler.ended() in {b"", b"(reset)"}
        assert 2 * PATIENCE - 0.1 < asyncio.get_running_loop().time() - started < 2 * PATIENCE + 1.5


async def test_slow_request_is_answered() -> None:
    async with playing(patience=PATIENCE) as theatre, Idler(theatre.address) as idler:
        body = b'{"query": "{ answer }"}'
        await idler.say(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        for place in range(0, len(body), 5):
            await asyncio.sleep(PATIENCE * 0.6)
            await idler.say(body[place : place + 5])
        assert b'{"data":{"answer":42}}' in await idler.ended()


async def test_heartbeat_does_not_wait_for_slow_consumers() -> None:
    async with playing(patience=2, heartbeat=0.2) as theatre, live(theatre.address) as other, Idler(theatre.address) as idler:
        await idler.flood()
        await theatre.until(theatre.ledger.given, "stuck")
        pings = other.pings
        await asyncio.sleep(0.45)
        assert not theatre.ledger.ended["stuck"], "it is stuck still"
        assert other.pings - pings >= 2
