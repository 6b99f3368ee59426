"""Response coalescing: the head and the body of a complete response leave in one packet, so that a client wakes once."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, starmap
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from uvicorn._types import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGISendCallable,
        ASGISendEvent,
        HTTPResponseBodyEvent,
        HTTPResponseStartEvent,
        Scope,
    )

_COPIED_BYTES: Final = 4_096
"""A body of up to so many bytes is copied behind its head; a longer one is sent from where it is."""


@lru_cache(maxsize=512)
def _header_line(name: bytes, value: bytes) -> bytes:
    """A header as it is sent. Raises ``RuntimeError`` where it would be more than one line, as uvicorn does."""
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError("Invalid HTTP header.")
    return name.lower() + b": " + value + b"\r\n"


class ResponseCoalescer:
    """ASGI middleware for one request of uvicorn: holds the head back until the body says whether the response is complete.

    A complete one is written to the transport of the request's ``cycle``; any other is sent as uvicorn sends it.
    """

    __slots__ = ("_app", "_cycle", "_held_start", "_uvicorn_send")

    def __init__(self, app: ASGI3Application, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle
        self._held_start: HTTPResponseStartEvent | None = None

    def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> Awaitable[None]:
        """Runs the application."""
        self._uvicorn_send = send
        return self._app(scope, receive, self._send)

    async def _send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start" and not self._cycle.response_started:
            self._held_start = message
            return
        start, self._held_start = self._held_start, None
        if start is not None:
            if message["type"] == "http.response.body" and self._is_complete(start, message):
                self._write(start, message.get("body", b""))
                return
            await self._uvicorn_send(start)
        await self._uvicorn_send(message)

    def _is_complete(self, start: HTTPResponseStartEvent, message: HTTPResponseBodyEvent) -> bool:
        """Whether this is all of the response, after which the connection is kept alive."""
        cycle = self._cycle
        if message.get("more_body") or cycle.disconnected or cycle.flow.write_paused or not cycle.keep_alive:
            return False
        headers = dict(start["headers"])
        length = headers.get(b"content-length")
        return (
            length == b"%d" % len(message.get("body", b"")) and b"connection" not in headers and cycle.scope["method"] != "HEAD"
        )

    def _write(self, start: HTTPResponseStartEvent, body: bytes) -> None:
        cycle = self._cycle
        headers = starmap(_header_line, chain(cycle.default_headers, start["headers"]))
        head = b"".join((STATUS_LINE[start["status"]], *headers, b"\r\n"))
        if len(body) <= _COPIED_BYTES:
            cycle.transport.write(head + body)
        else:
            cycle.transport.writelines((head, body))
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        cycle.on_response()
