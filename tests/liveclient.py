"""Clients of subscriptions over real sockets: ``graphql-transport-ws``, and server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PROTOCOL = "graphql-transport-ws"
EVENTS = {"accept": "text/event-stream"}

Message = dict[str, Any]


class Closed(Exception):
    """The connection is closed; its code and reason are in ``args``."""

    @property
    def code(self) -> int:
        code: int = self.args[0]
        return code


class Failed(Exception):
    """The operation came to an ``error`` message, whose payload is in ``args``."""


@dataclass
class LiveClient:
    """One connection. It answers pings unless told not to, and keeps whatever belongs to no operation in ``heard``.

    ``payloads`` are those of pings.
    """

    socket: ClientConnection
    pongs: bool = True
    pings: int = 0
    payloads: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    heard: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    operations: dict[str, asyncio.Queue[Message | None]] = field(default_factory=dict)
    closed: asyncio.Future[tuple[int, str]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def say(self, message: object) -> None:
        """Sends a message; text and bytes as they are, the rest as JSON."""
        await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def greet(self) -> None:
        await self.say({"type": "connection_init"})
        assert (await self.hear())["type"] == "connection_ack"

    async def hear(self) -> Message:
        """The next message that belongs to no operation."""
        async with asyncio.timeout(10):
            return await self.heard.get()

    async def end(self) -> tuple[int, str]:
        """The code and the reason of the close."""
        async with asyncio.timeout(20):
            return await asyncio.shield(self.closed)

    async def start(self, query: str, variables: Mapping[str, Any] | None = None, *, key: str = "1") -> None:
        self.operations[key] = asyncio.Queue()
        await self.say({"type": "subscribe", "id": key, "payload": {"query": query, "variables": variables}})

    async def stop(self, key: str = "1") -> None:
        await self.say({"type": "complete", "id": key})

    async def next(self, key: str = "1") -> Message:
        """The next message of an operation, whatever its type. Raises ``Closed``."""
        async with asyncio.timeout(20):
            message = await self.operations[key].get()
        if message is None:
            raise Closed(*await self.end())
        return message

    async def subscribe(
        self, query: str, variables: Mapping[str, Any] | None = None, *, key: str = "1"
    ) -> AsyncIterator[dict[str, Any]]:
        """The results of an operation, until it completes. Raises ``Failed`` and ``Closed``."""
        await self.start(query, variables, key=key)
        while True:
            message = await self.next(key)
            match message["type"]:
                case "next":
                    yield message["payload"]
                case "complete":
                    return
                case _:
                    raise Failed(message["payload"])

    async def read(self) -> None:
        """Sorts what comes in, until the connection is closed."""
        try:
            async for text in self.socket:
                message = json.loads(text)
                if message["type"] == "ping":
                    self.pings += 1
                    if "payload" in message:
                        self.payloads.put_nowait(message["payload"])
                    if self.pongs:
                        await self.say({"type": "pong"})
                elif message.get("id") in self.operations:
                    self.operations[message["id"]].put_nowait(message)
                else:
                    self.heard.put_nowait(message)
        except ConnectionClosed:
            pass
        finally:
            if not self.closed.done():
                self.closed.set_result((self.socket.close_code or 1006, self.socket.close_reason or ""))
            for queue in self.operations.values():
                queue.put_nowait(None)


@asynccontextmanager
async def live(
    address: str, *, greeted: bool = True, pongs: bool = True, protocols: list[str] | None = None, **given: Any
) -> AsyncIterator[LiveClient]:
    """A WebSocket to the gateway at this ``http`` address."""
    url = f"ws{address.removeprefix('http')}/graphql"
    spoken: Any = [PROTOCOL] if protocols is None else protocols or None
    opened = connect(url, subprotocols=spoken, compression=None, ping_interval=None, proxy=None, close_timeout=1, **given)
    async with opened as socket:
        client = LiveClient(socket, pongs)
        reading = asyncio.create_task(client.read())
        try:
            if greeted:
                await client.greet()
            yield client
        finally:
            await socket.close()
            await reading


@dataclass(frozen=True)
class Frame:
    """What stood between two empty lines of an event stream."""

    event: str | None = None
    data: str | None = None
    id: str | None = None
    retry: str | None = None
    comment: str | None = None

    @property
    def result(self) -> dict[str, Any]:
        assert self.data is not None
        found: dict[str, Any] = json.loads(self.data)
        return found


@dataclass
class EventClient:
    """One event stream. ``frames`` has all that is in it, ``results`` what is in its ``next`` events."""

    response: httpx.Response
    last: str | None = None

    async def frames(self) -> AsyncIterator[Frame]:
        block = ""
        async for text in self.response.aiter_text():
            block += text
            while "\n\n" in block:
                whole, block = block.split("\n\n", 1)
                yield _frame(whole)

    async def results(self) -> AsyncIterator[dict[str, Any]]:
        """Results until the operation completes; ``last`` is the id of the newest that has one."""
        async for frame in self.frames():
            if frame.event == "complete":
                return
            self.last = frame.id or self.last
            if frame.event == "next":
                yield frame.result


def _frame(text: str) -> Frame:
    found: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        found[name or "comment"] = value.removeprefix(" ")
    return Frame(**found)


@asynccontextmanager
async def events(
    address: str, query: str, variables: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
) -> AsyncIterator[EventClient]:
    """An event stream from the gateway at this address; ``headers`` may hold ``last-event-id``."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=30))
        asked = client.stream(
            "POST", "/graphql", json={"query": query, "variables": variables or {}}, headers=EVENTS | dict(headers or {})
        )
        response = await stack.enter_async_context(asked)
        assert response.status_code == 200, await response.aread()
        yield EventClient(response)
