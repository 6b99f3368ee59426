"""Fixtures for EasyInk: its sandbox over real HTTP, an adapter for it, and sample orders."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx
from starlette.types import Message, Receive, Scope, Send

from providers.adapter import Adapter
from providers.clock import Clock
from providers.easyink import PROVIDER
from providers.easyink.adapter import EasyInkAdapter
from providers.easyink.sandbox import SANDBOX, EasyInkSandbox
from providers.http.http1.transport import Http1Transport
from providers.http.transport import RequestStream, StreamedResponse
from providers.model import Document, DocumentRole, Session
from providers.orders import DocumentOrder, Order, ParticipantOrder
from providers.saga import Steps
from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf
from providers.sandbox.server import serving

PDF = sample_pdf("Lease", 2)
ADA = ParticipantOrder(first_name="Ada", last_name="Lovelace", email="ada@example.com")
BOB = ParticipantOrder(first_name="Bob", middle_name="J", last_name="Byte", phone="5551234567", language="es")
DRAFTS, SESSIONS = "/api/signingSessionDrafts", "/api/signingSessions"
AUTHORITY = CertificateAuthority()


class SandboxClock(Clock):
    """Clock of the sandbox: real time plus what a test has added; sleeps for real."""

    def __init__(self) -> None:
        self.moved = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.moved)

    def monotonic(self) -> float:
        return super().monotonic() + self.moved


class FastForwardClock(Clock):
    """Clock of the adapter: a sleep takes no time, and advances the sandbox's clock."""

    def __init__(self, time: SandboxClock) -> None:
        self.time = time
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time.now()

    def monotonic(self) -> float:
        return self.time.monotonic()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time.moved += seconds
        await asyncio.sleep(0)


class RecordingTransport(Http1Transport):
    """Transport that records every call, with its body where that is JSON or a form."""

    def __init__(self) -> None:
        super().__init__(connect_timeout=5, write_timeout=5)
        self.sent: list[tuple[str, object]] = []

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None, patience: float | None = None
    ) -> StreamedResponse:
        kind, noted = headers.get("content-type", ""), None
        if kind == "application/json":
            noted = json.loads(body)
        elif kind == "application/x-www-form-urlencoded":
            noted = dict(parse_qsl(body.decode()))
        address = urlsplit(url)
        self.sent.append((f"{method} {address.path}{address.query and '?'}{address.query}", noted))
        return await super().send(method, url, headers, body, patience)


@dataclass
class World:
    """A served sandbox, an adapter for it, and an HTTP client for calls that the adapter does not make."""

    sandbox: EasyInkSandbox
    adapter: EasyInkAdapter
    client: httpx.AsyncClient
    time: SandboxClock
    adapter_clock: FastForwardClock
    recorder: RecordingTransport

    async def create(self, order: Order) -> Session:
        return await self.adapter.create_session(order, Steps())

    def sent(self, call: str) -> list[object]:
        """The bodies that the adapter sent with this call, oldest first."""
        return [body for name, body in self.recorder.sent if name == call]

    def asked(self) -> list[str]:
        return [f"{call.method} {call.path}" for call in self.sandbox.calls]

    def stored(self, session: Session):
        return self.sandbox.account.sessions[session.key]

    async def ask(self, method: str, path: str, status: int, **kwargs):
        """Asserts the status of an answer, and decodes its JSON; None without a body."""
        response = await self.client.request(method, path, **kwargs)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    async def refused(self, method: str, path: str, status: int = 400, **kwargs) -> str:
        """Asserts the status and the code of a refusal, and returns its messages."""
        error = (await self.ask(method, path, status, **kwargs))["error"]
        assert error["code"] == {400: "ValidationError", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}[status]
        return " ".join([error["message"], *(each["message"] for each in error.get("innerErrors", ()))])


@asynccontextmanager
async def opened() -> AsyncIterator[World]:
    time = SandboxClock()
    adapter_clock = FastForwardClock(time)
    sandbox = SANDBOX(clock=time, authority=AUTHORITY)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(sandbox.serving())
        settings = sandbox.settings(url)
        recorder = RecordingTransport()
        record = PROVIDER.adapter(PROVIDER.settings(**settings), transport=recorder, clock=adapter_clock)
        adapter = await stack.enter_async_context(record)
        headers = {"authorization": f"Bearer {settings['access_token']}"}
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, headers=headers))
        yield World(sandbox, adapter, client, time, adapter_clock, recorder)


@asynccontextmanager
async def scripted(
    answers: dict[str, tuple[int, object]], recorder: RecordingTransport | None = None, **settings: object
) -> AsyncIterator[EasyInkAdapter]:
    """An adapter of a server with scripted answers, by method and path."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        status, body = answers.get(f"{scope['method']} {scope['path']}", (404, {"error": {"code": "NotFound"}}))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": content})

    async def lives(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)
        else:
            await lifespan(receive, send)

    async with serving(lives) as url:
        table = SANDBOX().settings(url) | settings
        async with PROVIDER.adapter(
            PROVIDER.settings(**table), transport=recorder, clock=FastForwardClock(SandboxClock())
        ) as adapter:
            yield adapter


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: Message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def document(content: bytes = PDF, **changes: object) -> DocumentOrder:
    async def chunks() -> AsyncIterator[bytes]:
        yield content[:100]
        yield content[100:]

    order = DocumentOrder(
        filename="lease.pdf",
        media_type="application/pdf",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        open=chunks,
    )
    return replace(order, **changes)


def order(**changes: object) -> Order:
    return replace(Order(title="Flat 4", documents=(document(),), participants=(ADA,)), **changes)


async def read(adapter: Adapter, session: Session, item: Document) -> bytes:
    async with adapter.download_document(session, item) as content:
        return b"".join([chunk async for chunk in content.chunks])


def only(session: Session, role: DocumentRole) -> Document:
    (item,) = [each for each in session.documents if each.role is role]
    return item
