"""What every sandbox shares: a real port, a record of calls, faults on demand, and people who sign.

A sandbox simulates a provider's HTTP API so faithfully that an adapter cannot tell the difference. The control
API under ``/_sandbox`` is the same on each and plays the people; it is no part of what is simulated. A provider that
sends webhooks sends them to whom ``/_sandbox/callback`` names.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Message, Receive, Scope, Send

from providers.clock import Clock
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.server import serving
from providers.sandbox.webhook_sender import Callback, Outbox

_CONTROL = "/_sandbox"
_CALLS_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class SandboxSession:
    """A session as the people see it: its status in the provider's words, and who could sign now (by index)."""

    key: str
    status: str
    participants: Sequence[str] = ()
    waiting: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call that the sandbox received; status 0 where it gave no answer. ``seconds`` is how long it took to give it."""

    method: str
    path: str
    status: int
    at: datetime
    seconds: float = 0.0


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """Something that goes wrong with the next ``count`` calls to ``path`` (a glob).

    ``status`` answers with that status and the provider's usual error body; 0 only waits ``delay_ms`` and goes
    on. ``reset`` closes the connection unanswered, ``lost`` does so after the call was carried out,
    ``truncate`` after half of the answer. ``html`` and ``empty`` replace the body.
    """

    path: str = "*"
    method: str = "*"
    kind: Literal["status", "reset", "lost", "truncate", "html", "empty"] = "status"
    status: int = 0
    count: int = 1
    delay_ms: int = 0
    headers: dict[str, str] = {}

    def takes(self, scope: Scope) -> bool:
        """Whether this call is one that goes wrong; each one taken counts."""
        if self.count < 1 or self.method not in {"*", scope["method"]} or not fnmatchcase(scope["path"], self.path):
            return False
        self.count -= 1
        return True


class People(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the people act by themselves, and how long each takes."""

    auto: bool = False
    delay_ms: int = 500


class _Act(msgspec.Struct, forbid_unknown_fields=True):
    participant: int | None = None


@dataclass(slots=True)
class _Exchange:
    """One call on its way through a fault."""

    scope: Scope
    receive: Receive
    send: Send
    status: int = 0
    sent: list[Message] = field(default_factory=list)

    async def watched(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self.send(message)

    async def kept(self, message: Message) -> None:
        self.sent.append(message)

    async def abort(self) -> None:
        """Closes the connection at once. ASGI has no word for it; uvicorn's cycle holds the transport."""
        self.status = 0
        cycle = self.receive.__self__  # type: ignore[attr-defined]
        cycle.transport.abort()
        while not cycle.disconnected:  # noqa: ASYNC110 (until the server knows, it would answer for us)
            await asyncio.sleep(0)


class Sandbox:
    """A simulated provider. A subclass adds its routes and how its people act; ``app`` is the ASGI application."""

    kind: ClassVar[str]
    signature_header: ClassVar[str] = "X-Signature"

    def __init__(self, *, clock: Clock | None = None, authority: CertificateAuthority | None = None) -> None:
        self.clock = clock or Clock()
        self.authority = authority or CertificateAuthority()
        self.calls: deque[RecordedCall] = deque(maxlen=_CALLS_KEPT)
        self.faults: list[Fault] = []
        self.people = People()
        self.callback: Callback | None = None
        self.outbox = Outbox(self.clock)
        self._starlette = Starlette(
            routes=[Mount(_CONTROL, self._control()), *self.routes()],
            exception_handlers={HTTPException: self._http_exception},
        )

    def routes(self) -> Sequence[BaseRoute]:
        """The provider's documented HTTP API."""
        raise NotImplementedError

    def settings(self, base_url: str) -> dict[str, object]:
        """What a gateway's ``[[providers]]`` table says to reach this sandbox at ``base_url``."""
        raise NotImplementedError

    def sessions(self) -> Sequence[SandboxSession]:
        """Every session, oldest first, as the people see it."""
        raise NotImplementedError

    async def sign(self, key: str, participant: int | None = None) -> None:
        """A participant signs, or everyone in turn. Raises ``KeyError`` or ``ValueError`` where that cannot be."""
        raise ValueError(f"nobody signs at {self.kind}")

    async def decline(self, key: str, participant: int | None = None) -> None:
        """A participant (the first who could sign) declines. Raises as ``sign`` does."""
        raise ValueError(f"nobody declines at {self.kind}")

    async def expire(self, key: str) -> None:
        """The session's time runs out. Raises as ``sign`` does."""
        raise ValueError(f"nothing expires at {self.kind}")

    async def tend(self) -> None:
        """Does what the provider does by itself, for as long as it is served; nothing unless it does something."""

    def post(self, body: bytes, expires_at: datetime) -> None:
        """Posts a webhook to whoever wants to be called back, if anybody does."""
        if self.callback is not None:
            self.outbox.post(self.callback, self.callback.header or self.signature_header, body, expires_at)

    def failure(self, status: int, message: str = "") -> Response:
        """The provider's own error answer for a status; an empty body unless the provider documents one."""
        return Response(status_code=status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http" or scope["path"].startswith(_CONTROL):
            await self._starlette(scope, receive, send)
            return
        exchange, begun = _Exchange(scope, receive, send), self.clock.monotonic()
        try:
            fault = next((fault for fault in self.faults if fault.takes(scope)), None)
            await self._answer(exchange, fault)
        finally:
            took = self.clock.monotonic() - begun
            self.calls.append(RecordedCall(scope["method"], scope["path"], exchange.status, self.clock.now(), took))

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serves on a real port (a free one unless named), lets the people act and calls back; gives the base address."""
        async with serving(self, host, port) as address:
            lives = (("people", self._live()), ("business", self.tend()), ("outbox", self.outbox.deliver()))
            tasks = [asyncio.create_task(life, name=f"{name} of {self.kind}") for name, life in lives]
            try:
                yield address
            finally:
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def _answer(self, exchange: _Exchange, fault: Fault | None) -> None:
        if fault is not None and fault.delay_ms:
            await self.clock.sleep(fault.delay_ms / 1000)
        match fault:
            case None | Fault(kind="status", status=0):
                await self._starlette(exchange.scope, exchange.receive, exchange.watched)
            case Fault(kind="reset"):
                await exchange.abort()
            case Fault(kind="lost"):
                await self._starlette(exchange.scope, exchange.receive, exchange.kept)
                await exchange.abort()
            case Fault(kind="truncate"):
                await self._truncate(exchange)
            case Fault():
                response = self._replacement(fault)
                response.headers.update(fault.headers)
                await response(exchange.scope, exchange.receive, exchange.watched)

    def _replacement(self, fault: Fault) -> Response:
        if fault.kind == "html":
            return Response("<html><body><h1>It works!</h1></body></html>", fault.status or 200, media_type="text/html")
        if fault.kind == "empty":
            return Response(status_code=fault.status or 200)
        return self.failure(fault.status)

    async def _truncate(self, exchange: _Exchange) -> None:
        await self._starlette(exchange.scope, exchange.receive, exchange.kept)
        start = next(message for message in exchange.sent if message["type"] == "http.response.start")
        body = b"".join(message.get("body", b"") for message in exchange.sent)
        await exchange.watched(start)
        await exchange.watched({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await self.clock.sleep(0)
        await exchange.abort()

    async def _live(self) -> None:
        while True:
            await self.clock.sleep(max(self.people.delay_ms, 10) / 1000)
            if not self.people.auto:
                continue
            for session in self.sessions():
                if session.waiting:
                    with suppress(KeyError, ValueError):
                        await self.sign(session.key, session.waiting[0])

    async def _http_exception(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self.failure(status)

    def _control(self) -> Starlette:
        routes = [
            Route("/sessions", self._list_sessions, methods=["GET"]),
            Route("/sessions/{key:path}/{act:str}", self._act, methods=["POST"]),
            Route("/faults", self._add_fault, methods=["POST"]),
            Route("/faults", self._clear_faults, methods=["DELETE"]),
            Route("/callback", self._call_back, methods=["POST"]),
            Route("/callback", self._call_nobody, methods=["DELETE"]),
            Route("/people", self._instruct, methods=["POST"]),
            Route("/calls", self._list_calls, methods=["GET"]),
        ]
        return Starlette(routes=routes, exception_handlers={msgspec.DecodeError: _misunderstood})

    async def _list_sessions(self, request: Request) -> Response:
        return JSONResponse([asdict(session) for session in self.sessions()])

    async def _act(self, request: Request) -> Response:
        act = msgspec.json.decode(await request.body() or b"{}", type=_Act)
        key = request.path_params["key"]
        try:
            match request.path_params["act"]:
                case "sign":
                    await self.sign(key, act.participant)
                case "decline":
                    await self.decline(key, act.participant)
                case "expire":
                    await self.expire(key)
                case other:
                    return JSONResponse({"error": f"nobody can {other}; there are sign, decline and expire"}, 404)
        except KeyError:
            return JSONResponse({"error": f"no session {key}"}, 404)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 409)
        return JSONResponse({})

    async def _add_fault(self, request: Request) -> Response:
        self.faults.append(msgspec.json.decode(await request.body(), type=Fault))
        return JSONResponse({}, 201)

    async def _clear_faults(self, request: Request) -> Response:
        self.faults.clear()
        return Response(status_code=204)

    async def _call_back(self, request: Request) -> Response:
        self.callback = msgspec.json.decode(await request.body(), type=Callback)
        return JSONResponse({}, 201)

    async def _call_nobody(self, request: Request) -> Response:
        self.callback = None
        return Response(status_code=204)

    async def _instruct(self, request: Request) -> Response:
        self.people = msgspec.json.decode(await request.body(), type=People)
        return JSONResponse(msgspec.to_builtins(self.people))

    async def _list_calls(self, request: Request) -> Response:
        return JSONResponse([{"method": call.method, "path": call.path, "status": call.status} for call in self.calls])


async def _misunderstood(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)
