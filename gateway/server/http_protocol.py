"""Protocols of uvicorn that part with clients who stop reading, or send too slowly or too much.

ASGI has no word for any of it: an application can only wait.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from itertools import chain, starmap
from typing import TYPE_CHECKING, Any, Final

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gateway.server.admission import Admission, Bounds
from gateway.server.refusals import REFUSALS
from gateway.server.request_head import ambiguous
from gateway.server.upgrade import has_body, parser_behind
from gateway.server.websocket_protocol import WebSocketProtocol
from gateway.server.write_timeout import Watched, break_off

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent

_PIPELINED = 100
_SMALL: Final = 4_096
"""Bytes of a body that are copied behind their head sooner than they are sent from where they are."""


class Config(uvicorn.Config):
    """Serves with these protocols. ``limit`` is how long, in seconds, a client may keep us waiting."""

    def __init__(self, app: Any, *, limit: float, bounds: Bounds | None = None, **given: Any) -> None:
        self.limit = limit
        self.bounds = bounds or Bounds()
        self.admission = Admission(self.bounds)
        super().__init__(
            app,
            interface="asgi3",  # which uvicorn only sees where it is called as a coroutine function
            http=HttpProtocol,
            ws=WebSocketProtocol,
            ws_max_size=self.bounds.message_bytes,
            # An idle connection would hold two compressors, and be pinged a second time.
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            timeout_keep_alive=self.bounds.idle,  # type: ignore[arg-type]  # fractions will do
            server_header=False,
            # Whom to believe about where a request comes from is a setting of the application.
            proxy_headers=False,
            **given,
        )


class _Refused(Exception):
    """A head that is too large, with the status that says so."""


@lru_cache(maxsize=512)
def _line(name: bytes, value: bytes) -> bytes:
    """A header. Raises ``RuntimeError`` where it would be more than one line, as uvicorn does."""
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError("Invalid HTTP header.")
    return name.lower() + b": " + value + b"\r\n"


class _Exchange(RequestResponseCycle):
    """Answers as uvicorn does, but for what is whole: that leaves in one packet, so that a client is woken once."""

    _begun: HTTPResponseStartEvent | None = None

    async def send(self, message: ASGISendEvent) -> None:
        """Sends, as ASGI has it: a head waits for what comes behind it."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._begun = message
            return
        begun, self._begun = self._begun, None
        if begun is not None:
            if message["type"] == "http.response.body" and self._plain(begun, message):
                self._answer(begun, message.get("body", b""))
                return
            await super().send(begun)
        await super().send(message)

    def _plain(self, begun: HTTPResponseStartEvent, message: HTTPResponseBodyEvent) -> bool:
        """Whether this is a whole answer, after which the connection goes on as before."""
        if message.get("more_body") or self.disconnected or self.flow.write_paused or not self.keep_alive:
            return False
        told = dict(begun["headers"])
        length = told.get(b"content-length")
        return length == b"%d" % len(message.get("body", b"")) and b"connection" not in told and self.scope["method"] != "HEAD"

    def _answer(self, begun: HTTPResponseStartEvent, body: bytes) -> None:
        headers = starmap(_line, chain(self.default_headers, begun["headers"]))
        head = b"".join((STATUS_LINE[begun["status"]], *headers, b"\r\n"))
        if len(body) <= _SMALL:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        self.on_response()


class HttpProtocol(Watched, HttpToolsProtocol):
    """HTTP/1.1. A connection has to bring a request, whose head is small and soon here, and whose body goes on."""

    config: Config
    _admitted = False
    _listening: asyncio.TimerHandle | None = None
    _heard_at = 0.0
    _head_since: float | None = None
    _idle_since: float | None = None
    """Since when the connection is kept for the next request, while it is."""
    _idler: asyncio.TimerHandle | None = None
    _heading = True
    """Whether what comes next belongs to a head."""
    _unfinished = 0
    """Bytes of a head that is not whole yet, up to what was received last."""
    _received = 0
    _paced: Any = None
    """The request whose body was on its way at the last look, and when that was; the bytes received since then."""
    _paced_at = 0.0
    _taken = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a request."""
        super().connection_made(transport)
        self._heard_at = self._head_since = self.loop.time()
        self._admitted = self.config.admission.enter(self.client[0] if self.client else "")
        if self._admitted:
            self._listen()
        else:
            self._refuse(503)

    def data_received(self, data: bytes) -> None:
        """The client is heard."""
        self._heard_at = self.loop.time()
        self._received = len(data)
        self._taken += len(data)
        self._unset_keepalive_if_required()
        since = self._head_since
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                self._read_behind(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._refuse(error.__context__.args[0] if isinstance(error.__context__, _Refused) else 400)
            return
        if self._head_since is None:
            if self._idle_since is None and self.cycle is not None and self.cycle.response_complete:
                self._head_since = self._heard_at  # what is left of a body has as long as the next head
        elif self._heading and self._head_since == since:
            self._unfinished += len(data)
            if self._unfinished > self.config.bounds.header_bytes:
                self._refuse(431)

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody left to wait for."""
        self._stop_listening()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection over."""
        self._stop_listening()
        super().handle_websocket_upgrade()
        # The parser and this protocol hold each other, and there is no more use for either.
        self.parser = self.scope = self.headers = None  # type: ignore[assignment]

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._heading = True
        if self._head_since is None:
            self._head_since = self._heard_at

    def on_message_complete(self) -> None:
        """A request is whole, unless httptools takes it for that as it asks for an upgrade."""
        if not (self.parser.should_upgrade() and has_body(self.headers)):
            super().on_message_complete()

    def on_headers_complete(self) -> None:
        """A head is whole. Raises ``_Refused`` where it is more than is taken."""
        bounds = self.config.bounds
        if self._unfinished + self._received > bounds.line_bytes:
            self._measure()
        if len(self.headers) > bounds.headers:
            raise _Refused(431)
        if ambiguous(self.headers, self.parser.get_http_version()):
            raise _Refused(400)
        if len(self.pipeline) >= _PIPELINED:
            raise _Refused(400)
        self._head_since = None
        self._heading = False
        self._unfinished = 0
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """As uvicorn has it, but that one timer looks whether the connection is idle, instead of one for each answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self._idler is None:
            self._idler = self.loop.call_at(self._idle_since + self.timeout_keep_alive, self._look_idle)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _look_idle(self) -> None:
        """Ends the connection if it has been idle for long enough, and looks again when it could have been."""
        self._idler = None
        if self._idle_since is None:
            return
        due = self._idle_since + self.timeout_keep_alive
        if due <= self.loop.time():
            self.timeout_keep_alive_handler()
        else:
            self._idler = self.loop.call_at(due, self._look_idle)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = _Exchange  # uvicorn leaves no choice
        super()._start_asgi_task(cycle, app)

    def _should_upgrade(self) -> bool:
        """Whether this is the opening handshake of a WebSocket, which has no body (RFC 6455, 4.1)."""
        return self.parser.get_method() == b"GET" and not has_body(self.headers) and super()._should_upgrade()

    def _read_behind(self, rest: bytes) -> None:
        try:
            self.parser = parser_behind(self, self.headers)
        except httptools.HttpParserError:
            self._refuse(400)
            return
        if rest:
            self.data_received(rest)

    def _measure(self) -> None:
        if len(self.url) > self.config.bounds.line_bytes:
            raise _Refused(414)
        if sum(len(name) + len(value) for name, value in self.headers) > self.config.bounds.header_bytes:
            raise _Refused(431)

    def _leave(self) -> None:
        if self._admitted:
            super()._leave()

    def _listen(self) -> None:
        """Looks whether the client does what it owes us, and looks again when that could change."""
        bounds, now = self.config.bounds, self.loop.time()
        silent_until = self._heard_at + self.config.limit
        if self.transport.is_closing():
            self._listening = self.loop.call_later(self.config.limit, self._listen)
            if not self.looking:
                self.look_later()  # nothing is owed any more but that the rest is read
        elif now >= silent_until and self._owed():
            break_off(self.transport)
        elif (self._head_since is not None and now >= self._head_since + bounds.head) or self._slow(now):
            self._refuse(408)
        else:
            head_until = (now if self._head_since is None else self._head_since) + bounds.head
            rest = min(head_until, silent_until if now < silent_until else now + self.config.limit) - now
            self._listening = self.loop.call_later(rest, self._listen)

    def _slow(self, now: float) -> bool:
        """Whether too little of a body has come since the last look."""
        body = self.cycle if self.cycle is not None and self.cycle.more_body and self._owed() else None
        if body is not None and body is self._paced and now - self._paced_at < self.config.bounds.head:
            return False
        slow = body is not None and body is self._paced and self._taken < self.config.bounds.pace * (now - self._paced_at)
        self._paced, self._paced_at, self._taken = body, now, 0
        return slow

    def _owed(self) -> bool:
        """Whether it is the client's turn to send."""
        if self.cycle is None:
            return True
        if self.cycle.response_complete:
            return self._idle_since is None
        return self.cycle.more_body and not self.flow.read_paused and not self.cycle.waiting_for_100_continue

    def _refuse(self, status: int) -> None:
        """Says no and ends the connection; says nothing where an answer is under way, which it would be taken for."""
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started or self.pipeline:
                break_off(self.transport)
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(REFUSALS[status])
        self.transport.close()

    def _stop_listening(self) -> None:
        for timer in (self._listening, self._idler):
            if timer is not None:
                timer.cancel()
        self._listening = self._idler = None
