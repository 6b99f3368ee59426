"""Response framing: as few packets as possible, pipelined responses whole and in order."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from scene import Scene

BODY = json.dumps({"query": "{ viewer { id } }"}).encode()
ASK = b"POST /graphql HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_DATA_SEGMENTS_IN = 152
"""Where Linux tells of a connection how many packets have brought data."""


@asynccontextmanager
async def connected(scene: Scene) -> AsyncIterator[tuple[socket.socket, bytes]]:
    """A connection to the gateway, and the request that is asked of it."""
    where = urlsplit(scene.address)
    with socket.socket() as mine:
        mine.settimeout(0)
        await asyncio.get_running_loop().sock_connect(mine, (where.hostname, where.port))
        yield mine, ASK % (where.netloc.encode(), len(BODY), BODY)


async def read(mine: socket.socket, answers: int) -> list[bytes]:
    """So many answers that say how long they are, each with its head."""
    heard, found = b"", []
    async with asyncio.timeout(5):
        while len(found) < answers:
            heard += await asyncio.get_running_loop().sock_recv(mine, 65_536)
            while (end := heard.find(b"\r\n\r\n") + 4) > 3:
                length = int(heard[:end].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                if len(heard) < end + length:
                    break
                found.append(heard[: end + length])
                heard = heard[end + length :]
    assert not heard
    return found


def packets(mine: socket.socket) -> int:
    told = mine.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    count: int = struct.unpack_from("=I", told, _DATA_SEGMENTS_IN)[0]
    return count


async def test_response_is_one_packet(scene: Scene) -> None:
    async with connected(scene) as (mine, request):
        for number in range(1, 4):
            await asyncio.get_running_loop().sock_sendall(mine, request)
            [answer] = await read(mine, 1)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert packets(mine) == number


async def test_pipelined_requests_are_answered_in_order(scene: Scene) -> None:
    async with connected(scene) as (mine, request):
        health = b"GET /healthz HTTP/1.1\r\nhost: %b\r\n\r\n" % urlsplit(scene.address).netloc.encode()
        await asyncio.get_running_loop().sock_sendall(mine, request + health + request)
        bodies = [answer.partition(b"\r\n\r\n")[2] for answer in await read(mine, 3)]
        assert [b"viewer" in each for each in bodies] == [True, False, True]


async def test_response_to_head_has_no_body(scene: Scene) -> None:
    async with connected(scene) as (mine, request):
        loop, where = asyncio.get_running_loop(), urlsplit(scene.address).netloc.encode()
        await loop.sock_sendall(mine, b"HEAD /console HTTP/1.1\r\nhost: %b\r\n\r\n" % where)
        head = await asyncio.wait_for(loop.sock_recv(mine, 65_536), 5)
        assert head.startswith(b"HTTP/1.1 ")
        assert head.endswith(b"\r\n\r\n")
        await loop.sock_sendall(mine, request)
        assert (await read(mine, 1))[0].startswith(b"HTTP/1.1 200 ")
