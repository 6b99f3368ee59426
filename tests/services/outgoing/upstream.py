"""Scripted upstream servers, and a clock that does not wait."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.clock import Clock
from providers.settings import ProviderSettings

KEY = "sk-7f3a91c2"


class Settings(ProviderSettings):
    kind: Literal["acme"] = "acme"
    api_key: SecretStr = SecretStr(KEY)


class Watch(Clock):
    """A clock that nobody has to wait for: sleeping is noted and moves it on."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []
        self.asleep: Callable[[], Awaitable[None]] | None = None

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        if self.asleep:
            await self.asleep()


class Thing(msgspec.Struct):
    name: str


class Scripted:
    """A provider that answers what it is told, the last answer for ever."""

    def __init__(self, *answers: Response | Callable[[Request], Awaitable[Response]]) -> None:
        self.answers = list(answers) or [JSONResponse({"name": "ok"})]
        self.received: list[tuple[str, str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.peak = 0
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "HEAD", "POST", "PUT", "DELETE"])])

    async def answer(self, request: Request) -> Response:
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            self.received.append((request.method, request.url.path, await request.body()))
            self.headers.append(dict(request.headers))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            return await answer(request) if not isinstance(answer, Response) else answer
        finally:
            self.under_way -= 1

    @property
    def calls(self) -> int:
        return len(self.received)


Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(talk: Peer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that is no server: whatever bytes ``talk`` writes."""
    tasks: set[asyncio.Task[None]] = set()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def request_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def self_signed(address: str) -> bytes:
    """A certificate for an address that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    now, day = datetime.now(UTC), timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
