"""Server-sent events: the response stream of one operation as one HTTP response, by graphql-sse.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, distinct connections mode; ``id:`` and ``retry:`` as in
https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from gateway.config import LiveSettings
from gateway.web.security_headers import STRICT_RAW
from schema.errors import Refused
from schema.execution import encode
from schema.transport.connections import Connections, send_nowait
from schema.transport.operations import ENDED, ResponseStream, StreamedResponse

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    *STRICT_RAW,
]
_RETRY: Final = b"retry: 1000\n\n"
_COMPLETE: Final = b"event: complete\ndata:\n\n"
_COMMENT: Final = b":\n\n"


class EventStream:
    """The HTTP response of an operation that has begun. Ends it when the client disconnects, or is too slow a consumer."""

    def __init__(self, stream: ResponseStream, connections: Connections, limits: LiveSettings) -> None:
        self._stream = stream
        self._connections = connections
        self._send_timeout = limits.patience
        self._is_idle = False
        self._drained = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends events until the stream ends, or the client disconnects."""
        self._send = send
        disconnected = asyncio.create_task(_disconnected(receive))
        events = asyncio.create_task(self._events())
        try:
            with self._connections.registered(self):
                await asyncio.wait((disconnected, events, self._drained), return_when=asyncio.FIRST_COMPLETED)
                if not disconnected.done():
                    await self._finish(disconnected, events)
        finally:
            for task in (disconnected, events):
                task.cancel()
            await asyncio.gather(disconnected, events, return_exceptions=True)
            await self._stream.aclose()
            self._ended.set()

    async def drain(self) -> None:
        """Ends the stream with ``retry`` and without ``complete``, so that the client reconnects."""
        if not self._drained.done():
            self._drained.set_result(None)
        await self._ended.wait()

    def send_heartbeat(self) -> None:
        """Sends a comment, unless an event is being sent. Ends the stream where the viewer's credentials have expired."""
        if self._stream.expired():
            if not self._drained.done():
                self._drained.set_result(None)
        elif self._is_idle:
            send_nowait(self._send(_body(_COMMENT)))

    async def _events(self) -> bytes:
        """Sends one event after the other; returns the last block, which is not sent yet."""
        await self._write({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self._write(_body(_first_block(self._stream.begins_after)))
        try:
            async for response in self._stream:
                await self._write(_body(_next_event(response.body, response)))
                del response
        except Refused as refused:
            return self._drain_block() if self._stream.expired() else _error_events(refused.formatted())
        return _COMPLETE

    async def _finish(self, disconnected: asyncio.Task[None], events: asyncio.Task[bytes]) -> None:
        try:
            if not events.done():
                events.cancel()
                await asyncio.wait((events,))
            last = self._drain_block() if events.cancelled() else events.result()
            self._is_idle = False
            async with asyncio.timeout(self._send_timeout):
                await self._send(_body(last, more=False))
        except TimeoutError:
            # A slow consumer gets no last block: the server aborts the connection.
            await asyncio.wait((disconnected,), timeout=self._send_timeout)

    def _drain_block(self) -> bytes:
        """The last block of an incomplete stream: the client reconnects, with new credentials where these have expired."""
        return b": %s\n%s" % (ENDED.encode(), _RETRY) if self._stream.expired() else _RETRY

    async def _write(self, message: Message) -> None:
        self._is_idle = False
        async with asyncio.timeout(self._send_timeout):
            await self._send(message)
        self._is_idle = message["type"] == "http.response.body"


def _body(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _first_block(begins_after: str | None) -> bytes:
    """The first block: a browser keeps the id of a block without data as well."""
    return _RETRY if begins_after is None else b"retry: 1000\nid: %s\n\n" % begins_after.encode()


def _next_event(result: bytes, response: StreamedResponse | None = None) -> bytes:
    cursor = b"" if response is None or response.cursor is None else b"id: %s\n" % response.cursor.encode()
    return b"event: next\n%sdata: %s\n\n" % (cursor, result)


def _error_events(errors: Sequence[object]) -> bytes:
    return _next_event(encode({"errors": errors})) + _COMPLETE


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
