"""A client that costs little: so many requests in flight over sockets of its own; run as a process of its own.

Reads what to do from its standard input as JSON, and writes what came of it to its standard output.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import cast
from urllib.parse import urlsplit

import uvloop

_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class Lane(asyncio.Protocol):
    """One connection with one request in flight; ``take`` is given how long each took (seconds) and what came."""

    def __init__(self, ask: Callable[[], bytes | None], take: Callable[[float, bytes], None]) -> None:
        self._ask = ask
        self._take = take
        self._heard = bytearray()
        self._total = 0
        self._sent_at = 0.0
        self._transport: asyncio.Transport
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        heard = self._heard
        heard += data
        if not self._total:
            end = heard.find(_END)
            if end < 0:
                return
            head = bytes(heard[:end]).lower()
            at = head.find(b"content-length:")
            self._total = -1 if at < 0 else end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(heard) == self._total or (self._total < 0 and heard.endswith(_LAST_CHUNK)):
            self._take(time.perf_counter() - self._sent_at, bytes(heard))
            heard.clear()
            self._total = 0
            self._next()

    def _next(self) -> None:
        request = self._ask()
        if request is None:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


class Tally:
    """How long answers took, and which were none that was hoped for."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.failures = 0
        self.sample = ""

    def take(self, seconds: float, answer: bytes) -> None:
        """One answer."""
        self.took.append(seconds)
        if answer[9:12] != b"200" or b'"errors":' in answer:
            self.failures += 1
            self.sample = self.sample or answer[:2000].decode(errors="replace")


async def run(address: str, requests: Sequence[bytes], connections: int, seconds: float) -> Tally:
    """Sends the requests in turn, so many at a time, for so long."""
    loop, where, tally = asyncio.get_running_loop(), urlsplit(address), Tally()
    turn, ends = count(), time.perf_counter() + seconds

    def ask() -> bytes | None:
        return None if time.perf_counter() > ends else requests[next(turn) % len(requests)]

    made = [await loop.create_connection(lambda: Lane(ask, tally.take), where.hostname, where.port) for _ in range(connections)]
    await asyncio.gather(*(lane.done for _, lane in made))
    return tally


def post(host: str, path: str, body: bytes, authorization: str | None = None) -> bytes:
    """A GraphQL request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\naccept: application/json\r\n"
    head += f"authorization: {authorization}\r\n" if authorization else ""
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def main() -> None:
    """Does what standard input says."""
    asked = json.loads(sys.stdin.read())
    host = urlsplit(asked["address"]).netloc
    if asked.get("get"):
        requests = [f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode() for path in asked["get"]]
    else:
        requests = [post(host, asked["path"], body.encode(), asked.get("authorization")) for body in asked["bodies"]]
    began = time.perf_counter()
    tally = await run(asked["address"], requests, asked["connections"], asked["seconds"])
    elapsed = time.perf_counter() - began
    took = sorted(tally.took)
    said = {
        "requests": len(took),
        "seconds": elapsed,
        "p50": took[len(took) // 2] * 1000,
        "p99": took[len(took) * 99 // 100] * 1000,
        "failures": tally.failures,
        "sample": tally.sample,
    }
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    uvloop.run(main())
