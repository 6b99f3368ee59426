"""The protocol ``graphql-transport-ws`` on one WebSocket.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md, with the server's own pings and bounds on everything
that a client could make grow.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from starlette.types import Message, Receive, Send

from gateway.auth.authentication import Authentication
from gateway.auth.refusal import Unauthenticated
from gateway.auth.viewer import NOBODY, Viewer
from gateway.config import LiveSettings
from providers.errors import TooLarge, TooMany
from schema.errors import Refused, quoted, told
from schema.execution import encode
from schema.transport.connections import Connections, at_once
from schema.transport.operations import ENDED, Operations
from schema.transport.request import Body, Request, Unreadable

PROTOCOL: Final = "graphql-transport-ws"
COME_BACK: Final = 4403
"""Close code for credentials that a new connection can renew.

The ``graphql-ws`` client retries behind 4403 and asks its ``connectionParams`` anew, but never behind 4401, whatever its
``shouldRetry`` says.
"""
GIVE_UP: Final = 4401
"""Close code for credentials that will not hold on the next connection either."""
GREETING: Final = 3.0
"""Seconds that a client may take before it says ``connection_init``."""
_CREDENTIALS: Final = ("Authorization", "authorization")
"""Where clients put in the payload of ``connection_init`` what they would send as a header."""
_OTHERS: Final = "These credentials are another's, or allow something else. Connect anew with them."
_SILENT_BEATS = 3
_MOST_HELD: Final = 4 * 2**20
"""Characters of all operations that one connection carries at a time: what they declare is kept for as long."""
_LONGEST_REASON = 123
_LONGEST_ID = 500
"""Characters of an operation's id, which each of its events repeats."""
_RESUME = "Too slow to read. Connect again, and subscribe with `after` set to the last cursor that was received."
_RECONNECT = "The gateway stops. Connect again in a moment, and resume with `after`."

_log = logging.getLogger("countersign.live")


class _Init(msgspec.Struct, tag_field="type", tag="connection_init"):
    payload: dict[str, Any] | None = None


class _Ping(msgspec.Struct, tag_field="type", tag="ping"):
    payload: dict[str, Any] | None = None


class _Pong(msgspec.Struct, tag_field="type", tag="pong"):
    payload: dict[str, Any] | None = None


class _Subscribe(msgspec.Struct, tag_field="type", tag="subscribe"):
    id: Annotated[str, msgspec.Meta(max_length=_LONGEST_ID)]
    payload: Body


class _Complete(msgspec.Struct, tag_field="type", tag="complete"):
    id: str


_messages = msgspec.json.Decoder(_Init | _Ping | _Pong | _Subscribe | _Complete)
_PING = {"type": "websocket.send", "text": '{"type":"ping"}'}


class _Close(Exception):
    """The client did what the protocol answers by closing."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class _Gone(Exception):
    """Nobody is there any more."""


class Socket:
    """One connection: its own task reads, and each operation has one more. Every message waits for the one before."""

    __slots__ = (
        "_acknowledged",
        "_address",
        "_authentication",
        "_closed",
        "_connections",
        "_heard_at",
        "_held",
        "_ids",
        "_limits",
        "_operations",
        "_receive",
        "_send",
        "_tasks",
        "_told_cursor",
        "_turn",
        "_viewer",
    )

    def __init__(
        self,
        operations: Operations,
        authentication: Authentication,
        connections: Connections,
        limits: LiveSettings,
        receive: Receive,
        send: Send,
    ) -> None:
        self._operations = operations
        self._authentication = authentication
        self._connections = connections
        self._limits = limits
        self._receive = receive
        self._send = send
        self._turn = asyncio.Lock()
        self._ids: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._acknowledged = False
        self._address = ""
        self._viewer = NOBODY
        self._closed = False
        self._heard_at = 0.0
        self._held = 0
        self._told_cursor: str | None = None

    async def serve(self, offered: Collection[str], address: str, *, allowed: bool) -> None:
        """Carries operations until the connection ends. ``offered`` are the protocols that the client speaks.

        A page that is not ``allowed`` to connect is refused before the upgrade.
        """
        self._address = address
        await self._receive()
        if not allowed:
            await self._send({"type": "websocket.close", "code": 1008, "reason": "Forbidden"})  # 403 (RFC 6455, 4.2.2)
            return None
        spoken = PROTOCOL in offered
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL if spoken else None})
        if not spoken:
            return await self.close(4406, "Subprotocol not acceptable")
        if self._connections.closing:
            return await self.close(1012, _RECONNECT)
        return await self._carry()

    async def close(self, code: int, reason: str) -> None:
        """Closes the connection, once."""
        if not self._closed:
            self._closed = True
            with suppress(OSError, RuntimeError, TimeoutError):
                async with asyncio.timeout(self._limits.patience):
                    await self._send(_closing(code, reason))

    async def dismiss(self) -> None:
        """Closes with 1012, which tells the client to come again."""
        await self.close(1012, _RECONNECT)
        await _ended(self._tasks)

    def beat(self) -> None:
        """Pings, unless the client does not read; gives up on a client that was silent for three heartbeats."""
        if self._closed or not self._acknowledged:
            return
        if self._operations.expired(self._viewer):
            self._closed = True
            at_once(self._send(_closing(COME_BACK, ENDED)))
        elif asyncio.get_running_loop().time() - self._heard_at > _SILENT_BEATS * self._limits.heartbeat:
            self._closed = True
            at_once(self._send(_closing(3008, "Nothing was heard from this client, not even a pong.")))
        else:
            at_once(self._send(_PING))

    async def _carry(self) -> None:
        try:
            with self._connections.holding(self):
                await self._read()
        except _Close as wrong:
            await self.close(wrong.code, wrong.reason)
        except _Gone:
            self._closed = True
        finally:
            await _ended(self._tasks)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(GREETING):
                while not self._acknowledged:
                    await self._hear()
        except TimeoutError:
            raise _Close(4408, "Connection initialisation timeout") from None
        while True:
            await self._hear()

    async def _hear(self) -> None:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise _Gone
        self._heard_at = asyncio.get_running_loop().time()
        match _understood(message):
            case _Init(payload=payload):
                await self._greet(payload or {})
            case _Ping(payload=payload):
                await self._tell({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})
            case _Subscribe() as asked:
                await self._subscribe(asked, len(message["text"]))
            case _Complete(id=key):
                if (task := self._ids.pop(key, None)) is not None:
                    await _ended({task})

    async def _greet(self, payload: Mapping[str, Any]) -> None:
        """Lets a client in. Where credentials end, they are renewed by new ones that say and allow the same."""
        if self._acknowledged and not self._authentication.required:
            raise _Close(4429, "Too many initialisation requests")
        given = next((payload[name] for name in _CREDENTIALS if isinstance(payload.get(name), str)), None)
        try:
            viewer = await self._authentication.authenticate(given, lambda: self._address)
        except Unauthenticated as refusal:
            raise _Close(COME_BACK if refusal.curable else GIVE_UP, refusal.reason) from None
        except TooMany as error:
            raise _Close(1013, error.message) from None
        if self._acknowledged and not viewer.renews(self._viewer):
            raise _Close(COME_BACK, _OTHERS)
        self._viewer = viewer
        if self._acknowledged:
            await self._tell({"type": "pong"})
        else:
            self._acknowledged = True
            self._told_cursor = cursor = self._operations.head_cursor(viewer)
            await self._tell({"type": "connection_ack"} | ({"payload": {"eventCursor": cursor}} if cursor else {}))

    def _who(self) -> Viewer:
        return self._viewer

    async def _subscribe(self, asked: _Subscribe, size: int) -> None:
        try:
            request = Request(asked.payload.question(), who=self._who)
        except Unreadable as error:
            raise _Close(4400, f"Invalid message: {error.reason}") from None
        if not self._acknowledged:
            raise _Close(GIVE_UP, "Unauthorized")
        if self._operations.expired(self._viewer):
            raise _Close(COME_BACK, ENDED)
        if asked.id in self._ids:
            raise _Close(4409, f"Subscriber for {asked.id} already exists")
        try:
            self._require_room(size)
        except TooLarge as full:
            await self._tell({"type": "error", "id": asked.id, "payload": [told(full)]})
            return
        task = asyncio.create_task(self._run(asked.id, request))
        self._ids[asked.id] = task
        self._tasks.add(task)
        self._held += size
        task.add_done_callback(partial(self._forget, size, self._viewer))

    def _forget(self, size: int, viewer: Viewer, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._held -= size
        self._authentication.release(viewer, size)

    def _require_room(self, size: int) -> None:
        most = self._limits.per_connection
        if self._held + size > _MOST_HELD:
            raise TooLarge(f"The operations of one connection have at most {_MOST_HELD:,} characters in all. End one.")
        if len(self._tasks) >= most:
            raise TooLarge(f"One connection carries {most} operations. End one, or open another connection.")
        self._authentication.spend(self._viewer)
        self._authentication.reserve(self._viewer, size)

    async def _run(self, key: str, request: Request) -> None:
        """Carries the answers of one operation; its id is free again once its last message is on its way."""
        try:
            last = await self._answer(key, request)
            self._ids.pop(key, None)
            await self._tell(last)
        except _Gone:
            return
        except Exception:
            _log.exception("an operation failed outside of its execution")
            await self.close(4500, "Internal server error")

    async def _answer(self, key: str, request: Request) -> Mapping[str, Any]:
        try:
            async with aclosing(await self._operations.operate(request)) as answers:
                await self._tell_begin(key, answers.begins_after)
                async for answer in answers:
                    await self._tell_raw(_next(key, answer.body))
                    del answer  # or thousands that wait for their next event would each keep the last
        except Refused as refused:
            if self._operations.expired(self._viewer):
                await self.close(COME_BACK, ENDED)
                raise _Gone from None
            return {"type": "error", "id": key, "payload": refused.shown()}
        return {"type": "complete", "id": key}

    async def _tell_begin(self, key: str, begins_after: str | None) -> None:
        """Says where the events of an operation begin, in a ping, unless that was said last: in the acknowledgement."""
        if begins_after not in (None, self._told_cursor):
            self._told_cursor = begins_after
            await self._tell({"type": "ping", "payload": {"id": key, "eventCursor": begins_after}})

    async def _tell(self, message: Mapping[str, Any]) -> None:
        """Sends a message. Raises ``_Gone``."""
        await self._tell_raw(encode(message).decode())

    async def _tell_raw(self, text: str) -> None:
        """Sends what is JSON already. Closes the connection where the client does not read for too long."""
        try:
            async with asyncio.timeout(self._limits.patience), self._turn:
                if self._closed:
                    raise _Gone
                await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            await self.close(1013, _RESUME)
            raise _Gone from None
        except (OSError, RuntimeError):
            raise _Gone from None  # servers have two ways to say that it is closed


def _understood(message: Message) -> _Init | _Ping | _Pong | _Subscribe | _Complete:
    text = message.get("text")
    if text is None:
        raise _Close(4400, "Invalid message: send text, not bytes")
    try:
        found: _Init | _Ping | _Pong | _Subscribe | _Complete = _messages.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise _Close(4400, f"Invalid message: {error}") from None
    return found


def _next(key: str, body: bytes) -> str:
    return f'{{"type":"next","id":{encode(key).decode()},"payload":{body.decode()}}}'


def _closing(code: int, reason: str) -> Message:
    short = quoted(reason[:_LONGEST_REASON]).encode()[:_LONGEST_REASON].decode(errors="ignore")
    return {"type": "websocket.close", "code": code, "reason": short}


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    for task in (ending := tuple(tasks)):
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
