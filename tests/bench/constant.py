"""A provider that answers every request with the same bytes, at next to no cost: ``python -m tests.bench.constant BYTES``.

Prints its port. Requests have no body, and may come in a row.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop


class Constant(asyncio.Protocol):
    """Answers as often as a head has ended."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._tail + data
        count = data.count(b"\r\n\r\n")
        self._tail = data[data.rindex(b"\r\n\r\n") + 4 :] if count else data
        self._transport.write(self._answer * count)


async def serve(size: int) -> None:
    """Serves a JSON object of that many bytes until it is ended."""
    filler = size - len(json.dumps({"name": ""}))
    body = json.dumps({"name": "x" * filler}).encode()
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    server = await asyncio.get_running_loop().create_server(lambda: Constant(answer), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@asynccontextmanager
async def constant(size: int) -> AsyncIterator[str]:
    """The address of one that runs in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.constant", str(size), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield f"http://127.0.0.1:{int(await child.stdout.readline())}"
    finally:
        child.terminate()
        await child.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
