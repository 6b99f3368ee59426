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
    """One connection with one request in flight."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._heard = bytearray()
        self._total = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._asker.done.done():
            self._asker.done.set_exception(exc or ConnectionResetError("the server closed the connection"))

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
            answer = bytes(heard)
            heard.clear()
            self._total = 0
            self._asker.heard(answer)


class Asker:
    """Asks for one thing after the other. One that takes several requests, side by side, is there with the last answer."""

    def __init__(self, turn: Callable[[], Sequence[bytes] | None], tally: Tally) -> None:
        self._turn = turn
        self._tally = tally
        self._lanes: list[Lane] = []
        self._missing = 0
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    async def connect(self, host: str | None, port: int | None, connections: int) -> None:
        """Has a connection for each request that goes out with others."""
        loop = asyncio.get_running_loop()
        self._lanes = [(await loop.create_connection(lambda: Lane(self), host, port))[1] for _ in range(connections)]

    def ask(self) -> None:
        """Sends what it is the turn of."""
        requests = self._turn()
        if requests is None:
            if not self.done.done():
                self.done.set_result(None)
            for lane in self._lanes:
                lane.transport.close()
            return
        self._missing = len(requests)
        self._sent_at = time.perf_counter()
        for lane, request in zip(self._lanes, requests, strict=True):
            lane.transport.write(request)

    def heard(self, answer: bytes) -> None:
        """One of the answers."""
        self._tally.check(answer)
        self._missing -= 1
        if not self._missing:
            self._tally.took.append(time.perf_counter() - self._sent_at)
            self.ask()


class Tally:
    """How long answers took, in seconds, and which were none that was hoped for."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.failures = 0
        self.sample = ""

    def check(self, answer: bytes) -> None:
        """One answer."""
        if answer[9:12] != b"200" or b'"errors":' in answer:
            self.failures += 1
            self.sample = self.sample or answer[:2000].decode(errors="replace")


async def run(address: str, asked: Sequence[Sequence[bytes]], connections: int, seconds: float) -> Tally:
    """Asks for each in turn, for so many at a time, for so long."""
    where, tally = urlsplit(address), Tally()
    turns, ends = count(), time.perf_counter() + seconds

    def turn() -> Sequence[bytes] | None:
        return None if time.perf_counter() > ends else asked[next(turns) % len(asked)]

    askers = [Asker(turn, tally) for _ in range(connections)]
    for asker in askers:
        await asker.connect(where.hostname, where.port, len(asked[0]))
        asker.ask()
    await asyncio.gather(*(asker.done for asker in askers))
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
        requests = [[f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode() for path in paths] for paths in asked["get"]]
    else:
        requests = [[post(host, asked["path"], body.encode(), asked.get("authorization"))] for body in asked["bodies"]]
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
