"""WebSocket transport: serves ``graphql-transport-ws`` on one connection.

With pings from the server, and bounds on everything that a client could make grow. The messages are in ``websocket_messages``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Final

from starlette.types import Receive, Send

from gateway.auth.authentication import Authentication
from gateway.auth.refusal import Unauthenticated
from gateway.auth.viewer import NOBODY, Viewer
from gateway.config import LiveSettings
from gateway.task import cancel_and_wait
from providers.errors import TooLarge, TooMany
from schema.errors import Refused, formatted_error
from schema.execution import encode
from schema.transport.connections import Connections, send_nowait
from schema.transport.operations import ENDED, Operations
from schema.transport.request import HttpError, Request
from schema.transport.websocket_messages import (
    PING,
    PROTOCOL,
    CloseCode,
    Complete,
    ConnectionInit,
    Disconnected,
    Ping,
    ProtocolViolation,
    Subscribe,
    close_message,
    decode_message,
    next_message,
)

_INITIALISATION_SECONDS: Final = 3.0
"""How long a client may take to send ``connection_init``."""
_CREDENTIALS: Final = ("Authorization", "authorization")
"""Names in the payload of ``connection_init`` under which clients send what would be a header."""
_SILENT_HEARTBEATS: Final = 3
_MAX_CHARACTERS: Final = 4 * 2**20
"""Characters of all operations of one connection: their variables are kept for as long as they run."""
_OTHER_VIEWER: Final = "These credentials are another's, or allow something else. Connect anew with them."
_SLOW_CONSUMER: Final = "Too slow to read. Connect again, and subscribe with `after` set to the last cursor that was received."
_SILENT: Final = "Nothing was heard from this client, not even a pong."
_STOPPING: Final = "The gateway stops. Connect again in a moment, and resume with `after`."

_log = logging.getLogger("countersign.live")


class Socket:
    """One WebSocket connection: its task reads messages, and each operation has a task that sends responses in turn."""

    __slots__ = (
        "_acknowledged",
        "_address",
        "_authentication",
        "_by_id",
        "_characters",
        "_closed",
        "_connections",
        "_last_message_at",
        "_limits",
        "_operations",
        "_planning_lock",
        "_receive",
        "_send",
        "_send_lock",
        "_sent_cursor",
        "_tasks",
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
        self._send_lock = asyncio.Lock()
        self._planning_lock = asyncio.Lock()
        self._by_id: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._acknowledged = False
        self._address = ""
        self._viewer = NOBODY
        self._closed = False
        self._last_message_at = 0.0
        self._characters = 0
        self._sent_cursor: str | None = None

    async def serve(self, offered: Collection[str], address: str, *, allowed: bool) -> None:
        """Serves operations until the connection ends. ``offered`` are the subprotocols that the client names.

        A page that is not ``allowed`` to connect is refused before the upgrade.
        """
        self._address = address
        await self._receive()
        if not allowed:
            await self._send({"type": "websocket.close", "code": int(CloseCode.POLICY_VIOLATION), "reason": "Forbidden"})
            return None
        is_offered = PROTOCOL in offered
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL if is_offered else None})
        if not is_offered:
            return await self.close(CloseCode.WRONG_PROTOCOL, "Subprotocol not acceptable")
        if self._connections.closing:
            return await self.close(CloseCode.SERVICE_RESTART, _STOPPING)
        return await self._serve_messages()

    async def close(self, code: CloseCode, reason: str) -> None:
        """Closes the connection, once."""
        if not self._closed:
            self._closed = True
            with suppress(OSError, RuntimeError, TimeoutError):
                async with asyncio.timeout(self._limits.patience):
                    await self._send(close_message(code, reason))

    async def drain(self) -> None:
        """Closes with 1012, so that the client reconnects, and ends every operation."""
        await self.close(CloseCode.SERVICE_RESTART, _STOPPING)
        await cancel_and_wait(*self._tasks)

    def send_heartbeat(self) -> None:
        """Sends a ping, or closes: where credentials have expired, or a client was silent for three heartbeats."""
        if self._closed or not self._acknowledged:
            return
        if self._operations.expired(self._viewer):
            self._closed = True
            send_nowait(self._send(close_message(CloseCode.RENEWABLE, ENDED)))
        elif asyncio.get_running_loop().time() - self._last_message_at > _SILENT_HEARTBEATS * self._limits.heartbeat:
            self._closed = True
            send_nowait(self._send(close_message(CloseCode.SILENT_CLIENT, _SILENT)))
        else:
            send_nowait(self._send(PING))

    async def _serve_messages(self) -> None:
        try:
            with self._connections.registered(self):
                await self._read_messages()
        except ProtocolViolation as violation:
            await self.close(violation.code, violation.reason)
        except Disconnected:
            self._closed = True
        finally:
            await cancel_and_wait(*self._tasks)

    async def _read_messages(self) -> None:
        try:
            async with asyncio.timeout(_INITIALISATION_SECONDS):
                while not self._acknowledged:
                    await self._handle_message()
        except TimeoutError:
            raise ProtocolViolation(CloseCode.INITIALISATION_TIMEOUT, "Connection initialisation timeout") from None
        while True:
            await self._handle_message()

    async def _handle_message(self) -> None:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Disconnected
        self._last_message_at = asyncio.get_running_loop().time()
        match decode_message(message):
            case ConnectionInit(payload=payload):
                await self._handle_connection_init(payload or {})
            case Ping(payload=payload):
                await self._send_message({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})
            case Subscribe() as subscribe:
                await self._handle_subscribe(subscribe, len(message["text"]))
            case Complete(id=operation_id):
                if (task := self._by_id.pop(operation_id, None)) is not None:
                    await cancel_and_wait(task)

    async def _handle_connection_init(self, payload: Mapping[str, Any]) -> None:
        """Authenticates the client. A later one renews its credentials, by those of the same viewer and scopes."""
        if self._acknowledged and not self._authentication.required:
            raise ProtocolViolation(CloseCode.TOO_MANY_INITIALISATIONS, "Too many initialisation requests")
        credentials = next((payload[name] for name in _CREDENTIALS if isinstance(payload.get(name), str)), None)
        try:
            viewer = await self._authentication.authenticate(credentials, lambda: self._address)
        except Unauthenticated as refusal:
            raise ProtocolViolation(
                CloseCode.RENEWABLE if refusal.curable else CloseCode.UNAUTHORIZED, refusal.reason
            ) from None
        except TooMany as error:
            raise ProtocolViolation(CloseCode.TRY_AGAIN_LATER, error.message) from None
        if self._acknowledged and not viewer.renews(self._viewer):
            raise ProtocolViolation(CloseCode.RENEWABLE, _OTHER_VIEWER)
        self._viewer = viewer
        if self._acknowledged:
            await self._send_message({"type": "pong"})
        else:
            self._acknowledged = True
            self._sent_cursor = cursor = self._operations.head_cursor(viewer)
            await self._send_message({"type": "connection_ack"} | ({"payload": {"eventCursor": cursor}} if cursor else {}))

    async def _handle_subscribe(self, subscribe: Subscribe, size: int) -> None:
        try:
            request = Request(subscribe.payload.params(), viewer=lambda: self._viewer)
        except HttpError as error:
            raise ProtocolViolation(CloseCode.BAD_MESSAGE, f"Invalid message: {error.reason}") from None
        if not self._acknowledged:
            raise ProtocolViolation(CloseCode.UNAUTHORIZED, "Unauthorized")
        if self._operations.expired(self._viewer):
            raise ProtocolViolation(CloseCode.RENEWABLE, ENDED)
        if subscribe.id in self._by_id:
            raise ProtocolViolation(CloseCode.DUPLICATE_ID, f"Subscriber for {subscribe.id} already exists")
        try:
            self._require_room(size)
        except TooLarge as error:
            await self._send_message({"type": "error", "id": subscribe.id, "payload": [formatted_error(error)]})
            return
        task = asyncio.create_task(self._run_operation(subscribe.id, request))
        self._by_id[subscribe.id] = task
        self._tasks.add(task)
        self._characters += size
        task.add_done_callback(partial(self._release, size, self._viewer))

    def _release(self, size: int, viewer: Viewer, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._characters -= size
        self._authentication.release(viewer, size)

    def _require_room(self, size: int) -> None:
        most = self._limits.per_connection
        if self._characters + size > _MAX_CHARACTERS:
            raise TooLarge(f"The operations of one connection have at most {_MAX_CHARACTERS:,} characters in all. End one.")
        if len(self._tasks) >= most:
            raise TooLarge(f"One connection carries {most} operations. End one, or open another connection.")
        self._authentication.spend(self._viewer)
        self._authentication.reserve(self._viewer, size)

    async def _run_operation(self, operation_id: str, request: Request) -> None:
        """Runs one operation. Its id is free again once its last message is about to be sent."""
        try:
            last_message = await self._send_responses(operation_id, request)
            self._by_id.pop(operation_id, None)
            await self._send_message(last_message)
        except Disconnected:
            return
        except Exception:
            _log.exception("an operation failed outside of its execution")
            await self.close(CloseCode.INTERNAL_ERROR, "Internal server error")

    async def _send_responses(self, operation_id: str, request: Request) -> Mapping[str, Any]:
        try:
            plan = self._operations.cached_plan(request)
            if plan is None:
                async with self._planning_lock:  # so that a connection has one document among those that wait for their turn
                    plan = await self._operations.plan(request)
            async with aclosing(await self._operations.stream(plan, request)) as responses:
                await self._send_begin_cursor(operation_id, responses.begins_after)
                async for response in responses:
                    await self._send_text(next_message(operation_id, response.body))
                    del response  # or thousands that wait for their next event would each keep the last
        except Refused as refused:
            if self._operations.expired(self._viewer):
                await self.close(CloseCode.RENEWABLE, ENDED)
                raise Disconnected from None
            return {"type": "error", "id": operation_id, "payload": refused.formatted()}
        return {"type": "complete", "id": operation_id}

    async def _send_begin_cursor(self, operation_id: str, begins_after: str | None) -> None:
        """Sends the cursor behind which an operation's events begin, in a ping, unless it was the last that was sent."""
        if begins_after not in (None, self._sent_cursor):
            self._sent_cursor = begins_after
            await self._send_message({"type": "ping", "payload": {"id": operation_id, "eventCursor": begins_after}})

    async def _send_message(self, message: Mapping[str, Any]) -> None:
        """Sends a message. Raises ``Disconnected``."""
        await self._send_text(encode(message).decode())

    async def _send_text(self, text: str) -> None:
        """Sends a message that is JSON already. Closes the connection of a slow consumer."""
        try:
            async with asyncio.timeout(self._limits.patience), self._send_lock:
                if self._closed:
                    raise Disconnected
                await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            await self.close(CloseCode.TRY_AGAIN_LATER, _SLOW_CONSUMER)
            raise Disconnected from None
        except (OSError, RuntimeError):
            raise Disconnected from None  # servers have two ways to say that it is closed
