"""Fault injection: calls to a sandbox that fail on demand, by an error response, a bad body, or a closed connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

import msgspec
from starlette.types import Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call that the sandbox received. Status 0 stands for no response; ``seconds`` is the time until it was sent."""

    method: str
    path: str
    status: int
    at: datetime
    seconds: float = 0.0


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """A fault in the next ``count`` calls to ``path`` (a glob).

    ``status`` responds with that status and the provider's usual error body; 0 only waits ``delay_ms`` and goes
    on. ``reset`` closes the connection without a response, ``lost`` does so after the call was carried out,
    ``truncate`` after half of the response. ``html`` and ``empty`` replace the body.
    """

    path: str = "*"
    method: str = "*"
    kind: Literal["status", "reset", "lost", "truncate", "html", "empty"] = "status"
    status: int = 0
    count: int = 1
    delay_ms: int = 0
    headers: dict[str, str] = {}

    def takes(self, scope: Scope) -> bool:
        """Whether this call fails; each one that does is counted down."""
        if self.count < 1 or self.method not in {"*", scope["method"]} or not fnmatchcase(scope["path"], self.path):
            return False
        self.count -= 1
        return True


@dataclass(slots=True)
class Exchange:
    """One call and its response, which can be recorded, held back, truncated, or lost with the connection."""

    scope: Scope
    receive: Receive
    send: Send
    status: int = 0
    held_messages: list[Message] = field(default_factory=list)

    async def send_recorded(self, message: Message) -> None:
        """Sends a message of the response, and records its status."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self.send(message)

    async def hold_back(self, message: Message) -> None:
        """Keeps a message of the response instead of sending it."""
        self.held_messages.append(message)

    async def send_half(self) -> None:
        """Sends the held response up to half of its body."""
        start = next(message for message in self.held_messages if message["type"] == "http.response.start")
        body = b"".join(message.get("body", b"") for message in self.held_messages)
        await self.send_recorded(start)
        await self.send_recorded({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})

    async def abort(self) -> None:
        """Closes the connection at once. ASGI has no message for it; uvicorn's request cycle holds the transport."""
        self.status = 0
        cycle = self.receive.__self__  # type: ignore[attr-defined]
        cycle.transport.abort()
        while not cycle.disconnected:  # noqa: ASYNC110 (until the server knows, it would respond for us)
            await asyncio.sleep(0)
