"""What an attack is: a probe that passes where it comes to nothing, and raises ``Hole`` where it succeeds."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

ELSEWHERE = "127.0.0.2"
"""An address that a client has to itself, other than that of the machine."""
EVIL = "https://evil.example"
LONG = 1.3
"""Seconds in which a server that parts with somebody has done so."""


class Hole(AssertionError):
    """The attack has come to something."""


@dataclass(frozen=True)
class Reply:
    """An answer of plain HTTP; empty where the connection ended without one."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def refused(self) -> bool:
        """Whether it says no, in the way of a server that knows why."""
        return self.status == 0 or 400 <= self.status < 500 or self.status == 503


class Line:
    """A connection on which anything can be said."""

    def __init__(self, taken: socket.socket) -> None:
        self.socket = taken

    async def say(self, *parts: bytes) -> bool:
        """Says something; false where nobody listens any more."""
        try:
            for part in parts:
                await asyncio.get_running_loop().sock_sendall(self.socket, part)
        except OSError:
            return False
        return True

    async def hear(self, seconds: float = 5) -> bytes | None:
        """What is said next; nothing at the end, None where nothing is said for so long."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().sock_recv(self.socket, 65_536)
        except TimeoutError:
            return None
        except OSError:
            return b""

    async def everything(self, seconds: float = 5, most: int = 2**30) -> bytes:
        """All that is said until the connection ends, or for so long, or up to so many bytes."""
        found = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(found) < most and (piece := await self.hear(seconds)):
                    found += piece
        return found

    async def reply(self, seconds: float = 5) -> Reply:
        """The first answer of HTTP."""
        return _parsed(await self.everything(seconds))

    async def open_after(self, seconds: float, trickle: bytes = b"", pause: float = 0.1) -> bool:
        """Whether the connection is still there after so long, in which a little is said again and again."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            if trickle and not await self.say(trickle):
                return False
            if await self.hear(pause) is not None:
                return False
        return True


def _parsed(raw: bytes) -> Reply:
    while raw.startswith(b"HTTP/1.1 100"):
        raw = raw.partition(b"\r\n\r\n")[2]
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/1."):
        return Reply()
    pairs = (line.partition(":") for line in lines[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Reply(int(lines[0].split()[1]), headers, body)


def _unchunked(body: bytes) -> bytes:
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        found, body = found + body[:length], body[length + 2 :]
    return found


@dataclass(frozen=True)
class Target:
    """A server, and what somebody from outside knows of it. ``link`` is the path of a document of eight megabytes."""

    address: str
    link: str
    secret: str

    @asynccontextmanager
    async def line(self, *, source: str | None = None, buffer: int | None = None) -> AsyncIterator[Line]:
        """A connection, from another address or with a receiving end of so many bytes."""
        with socket.socket() as taken:
            if buffer is not None:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            if source is not None:
                taken.bind((source, 0))
            taken.settimeout(0)
            split = urlsplit(self.address)
            await asyncio.get_running_loop().sock_connect(taken, (split.hostname, split.port))
            yield Line(taken)

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, seconds: float = 10
    ) -> Reply:
        """One request on a connection of its own, written as it is given."""
        given = {"host": urlsplit(self.address).netloc, "connection": "close"} | dict(headers or {})
        if body or method in {"POST", "PUT"}:
            given.setdefault("content-length", str(len(body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        async with self.line() as line:
            await line.say(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1"), body)
            return await line.reply(seconds)

    async def graphql(self, query: object, variables: object = None, **headers: str) -> Reply:
        """A GraphQL operation by POST; one that is no text is the whole body."""
        body = query if isinstance(query, bytes) else json.dumps({"query": query, "variables": variables}).encode()
        return await self.ask("POST", "/graphql", body, {"content-type": "application/json"} | _named(headers))

    async def upload(self, content: bytes, filename: str = "a.pdf", kind: str = "application/pdf") -> Reply:
        """A file by PUT; its name is written as it has to be in an address."""
        return await self.ask("PUT", f"/uploads?filename={filename}", content, {"content-type": kind})


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


Probe = Callable[[Target], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """A probe, and the server in ``unprotected`` that has its hole; some find it by waiting alone."""

    probe: Probe
    server: str
    waits: bool


PROBES: dict[str, Attack] = {}


def attack(server: str = "plain", *, waits: bool = False) -> Callable[[Probe], Probe]:
    """Enters a probe by its name."""

    def enter(probe: Probe) -> Probe:
        PROBES[probe.__name__] = Attack(probe, server, waits)
        return probe

    return enter


def unless(safe: bool, hole: str) -> None:
    """Raises ``Hole`` unless it is safe."""
    if not safe:
        raise Hole(hole)


def random(count: int) -> bytes:
    return os.urandom(count)
