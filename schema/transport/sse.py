"""Server-sent events: one response that carries the answers of one operation.

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
from schema.transport.connections import Connections, at_once
from schema.transport.operations import ENDED, Answer, Answers

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
    """The response for an operation that has begun. Ends it when the client goes away, or does not read for too long."""

    def __init__(self, answers: Answers, connections: Connections, limits: LiveSettings) -> None:
        self._answers = answers
        self._connections = connections
        self._patience = limits.patience
        self._quiet = False
        self._told = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends events until there are no more, or nobody is there to read them."""
        self._send = send
        gone = asyncio.create_task(_gone(receive))
        events = asyncio.create_task(self._events())
        try:
            with self._connections.holding(self):
                await asyncio.wait((gone, events, self._told), return_when=asyncio.FIRST_COMPLETED)
                if not gone.done():
                    await self._finish(gone, events)
        finally:
            for task in (gone, events):
                task.cancel()
            await asyncio.gather(gone, events, return_exceptions=True)
            await self._answers.aclose()
            self._over.set()

    async def dismiss(self) -> None:
        """Ends the stream with a hint to come again, and without ``complete``, which it is not."""
        if not self._told.done():
            self._told.set_result(None)
        await self._over.wait()

    def beat(self) -> None:
        """Sends a comment, unless something else is on its way. Ends the stream where whoever asked is no longer let in."""
        if self._answers.expired():
            if not self._told.done():
                self._told.set_result(None)
        elif self._quiet:
            at_once(self._send(_body(_COMMENT)))

    async def _events(self) -> bytes:
        """Sends one event after the other; gives what has to be sent last."""
        await self._tell({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self._tell(_body(_beginning(self._answers.begins_after)))
        try:
            async for answer in self._answers:
                await self._tell(_body(_next(answer.body, answer)))
                del answer
        except Refused as refused:
            return self._farewell() if self._answers.expired() else _failure(refused.shown())
        return _COMPLETE

    async def _finish(self, gone: asyncio.Task[None], events: asyncio.Task[bytes]) -> None:
        try:
            if not events.done():
                events.cancel()
                await asyncio.wait((events,))
            last = self._farewell() if events.cancelled() else events.result()
            self._quiet = False
            async with asyncio.timeout(self._patience):
                await self._send(_body(last, more=False))
        except TimeoutError:
            # Whoever does not read gets no farewell; the server breaks the connection off.
            await asyncio.wait((gone,), timeout=self._patience)

    def _farewell(self) -> bytes:
        """The last block of a stream that goes on elsewhere: no ``complete``, so that a client comes back, with new
        credentials where these have ended.
        """
        return b": %s\n%s" % (ENDED.encode(), _RETRY) if self._answers.expired() else _RETRY

    async def _tell(self, message: Message) -> None:
        self._quiet = False
        async with asyncio.timeout(self._patience):
            await self._send(message)
        self._quiet = message["type"] == "http.response.body"


def _body(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _beginning(begins_after: str | None) -> bytes:
    """The first block: a browser remembers the id of a block without data as well."""
    return _RETRY if begins_after is None else b"retry: 1000\nid: %s\n\n" % begins_after.encode()


def _next(result: bytes, answer: Answer | None = None) -> bytes:
    cursor = b"" if answer is None or answer.cursor is None else b"id: %s\n" % answer.cursor.encode()
    return b"event: next\n%sdata: %s\n\n" % (cursor, result)


def _failure(errors: Sequence[object]) -> bytes:
    return _next(encode({"errors": errors})) + _COMPLETE


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
