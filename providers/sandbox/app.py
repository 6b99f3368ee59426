"""Sandbox framework: simulates a provider's HTTP API so faithfully that an adapter cannot tell the difference.

Every sandbox records the calls it receives, injects faults on demand, plays the people who sign, and sends webhooks to the
address that its control API is given.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import ClassVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from providers.clock import Clock
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.control_api import ControlApi, People, SandboxSession
from providers.sandbox.fault_injection import Exchange, Fault, RecordedCall
from providers.sandbox.server import serving
from providers.sandbox.webhook_sender import Callback, WebhookSender

_CONTROL = "/_sandbox"
_MAX_RECORDED_CALLS = 50_000


class Sandbox:
    """Simulated provider, an ASGI application. A subclass adds its routes, and the effects of what its people do."""

    kind: ClassVar[str]
    signature_header: ClassVar[str] = "X-Signature"

    def __init__(self, *, clock: Clock | None = None, authority: CertificateAuthority | None = None) -> None:
        self.clock = clock or Clock()
        self.authority = authority or CertificateAuthority()
        self.calls: deque[RecordedCall] = deque(maxlen=_MAX_RECORDED_CALLS)
        self.faults: list[Fault] = []
        self.people = People()
        self.callback: Callback | None = None
        self.webhooks = WebhookSender(self.clock)
        self._starlette = Starlette(
            routes=[Mount(_CONTROL, ControlApi(self).app()), *self.routes()],
            exception_handlers={HTTPException: self._handle_http_exception},
        )

    def routes(self) -> Sequence[BaseRoute]:
        """The provider's documented HTTP API."""
        raise NotImplementedError

    def settings(self, base_url: str) -> dict[str, object]:
        """The ``[[providers]]`` table by which a gateway reaches this sandbox at ``base_url``."""
        raise NotImplementedError

    def sessions(self) -> Sequence[SandboxSession]:
        """Every session, oldest first, as the people see it."""
        raise NotImplementedError

    async def sign(self, key: str, participant: int | None = None) -> None:
        """Signs for a participant, or for everyone in turn. Raises ``KeyError`` or ``ValueError`` where that cannot be."""
        raise ValueError(f"nobody signs at {self.kind}")

    async def decline(self, key: str, participant: int | None = None) -> None:
        """Declines for a participant (the first who could sign unless given). Raises as ``sign`` does."""
        raise ValueError(f"nobody declines at {self.kind}")

    async def expire(self, key: str) -> None:
        """Lets the session's time run out. Raises as ``sign`` does."""
        raise ValueError(f"nothing expires at {self.kind}")

    async def run_background(self) -> None:
        """Runs the provider's own background work for as long as it is served; none unless overridden."""

    def send_webhook(self, body: bytes, expires_at: datetime) -> None:
        """Queues a webhook for the callback, if one is set."""
        if self.callback is not None:
            self.webhooks.enqueue(self.callback, self.callback.header or self.signature_header, body, expires_at)

    def error_response(self, status: int, message: str = "") -> Response:
        """The provider's own error response for a status; an empty body unless the provider documents one."""
        return Response(status_code=status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a call, with the first fault that takes it, and records it."""
        if scope["type"] != "http" or scope["path"].startswith(_CONTROL):
            await self._starlette(scope, receive, send)
            return
        exchange, began_at = Exchange(scope, receive, send), self.clock.monotonic()
        try:
            fault = next((fault for fault in self.faults if fault.takes(scope)), None)
            await self._answer_with_fault(exchange, fault)
        finally:
            seconds = self.clock.monotonic() - began_at
            self.calls.append(RecordedCall(scope["method"], scope["path"], exchange.status, self.clock.now(), seconds))

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serves on a real port (a free one unless named), with its people and webhooks; gives the base address."""
        async with serving(self, host, port) as address:
            jobs = (
                ("people", self._run_people()),
                ("background work", self.run_background()),
                ("webhooks", self.webhooks.deliver()),
            )
            tasks = [asyncio.create_task(job, name=f"{name} of {self.kind}") for name, job in jobs]
            try:
                yield address
            finally:
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def _answer_with_fault(self, exchange: Exchange, fault: Fault | None) -> None:
        if fault is not None and fault.delay_ms:
            await self.clock.sleep(fault.delay_ms / 1000)
        match fault:
            case None | Fault(kind="status", status=0):
                await self._starlette(exchange.scope, exchange.receive, exchange.send_recorded)
            case Fault(kind="reset"):
                await exchange.abort()
            case Fault(kind="lost"):
                await self._starlette(exchange.scope, exchange.receive, exchange.hold_back)
                await exchange.abort()
            case Fault(kind="truncate"):
                await self._starlette(exchange.scope, exchange.receive, exchange.hold_back)
                await exchange.send_half()
                await self.clock.sleep(0)
                await exchange.abort()
            case Fault():
                response = self._faulty_response(fault)
                response.headers.update(fault.headers)
                await response(exchange.scope, exchange.receive, exchange.send_recorded)

    def _faulty_response(self, fault: Fault) -> Response:
        if fault.kind == "html":
            return Response("<html><body><h1>It works!</h1></body></html>", fault.status or 200, media_type="text/html")
        if fault.kind == "empty":
            return Response(status_code=fault.status or 200)
        return self.error_response(fault.status)

    async def _run_people(self) -> None:
        while True:
            await self.clock.sleep(max(self.people.delay_ms, 10) / 1000)
            if not self.people.auto:
                continue
            for session in self.sessions():
                if session.waiting:
                    with suppress(KeyError, ValueError):
                        await self.sign(session.key, session.waiting[0])

    async def _handle_http_exception(self, request: Request, error: Exception) -> Response:
        return self.error_response(error.status_code if isinstance(error, HTTPException) else 500)
