"""HTTP/1.1 protocol of uvicorn with timeouts for heads and bodies, and limits on heads and connections.

ASGI has no event for a client that sends too slowly or too much: an application can only wait.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.server.rejection import RESPONSES, RejectedHead, is_ambiguous
from gateway.server.response_coalescer import ResponseCoalescer
from gateway.server.upgrade import has_body, parser_after_head
from gateway.server.write_timeout import WriteTimeout, reset_connection

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

    from gateway.server.config import Config

_MAX_PIPELINED = 100


class HttpProtocol(WriteTimeout, HttpToolsProtocol):
    """HTTP/1.1: a connection has to send a head that is small and in time, and a body that keeps a minimum rate."""

    config: Config
    _admitted = False
    _request_timer: asyncio.TimerHandle | None = None
    _received_at = 0.0
    _head_began_at: float | None = None
    _idle_since: float | None = None
    """The start of the wait for the next request; None while one is under way."""
    _keep_alive_timer: asyncio.TimerHandle | None = None
    _in_head = True
    """Whether the parser is within a request's head."""
    _head_bytes = 0
    """Bytes of an incomplete head, those received last not counted."""
    _data_bytes = 0
    """Bytes received last."""
    _measured_cycle: Any = None
    """The request whose body's rate is measured, the begin of the measurement, and the bytes received since."""
    _measured_at = 0.0
    _measured_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admits the connection, and starts the timeout of its first head."""
        super().connection_made(transport)
        self._received_at = self._head_began_at = self.loop.time()
        self._admitted = self.config.admission.admit(self.client[0] if self.client else "")
        if self._admitted:
            self._check_progress()
        else:
            self._reject(503)

    def data_received(self, data: bytes) -> None:
        """Parses what was received; rejects what is no HTTP, and a head that is too large."""
        self._received_at = self.loop.time()
        self._data_bytes = len(data)
        self._measured_bytes += len(data)
        self._idle_since = None
        since = self._head_began_at
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                self._resume_after_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._reject(error.__context__.status if isinstance(error.__context__, RejectedHead) else 400)
            return
        if self._head_began_at is None:
            if self._idle_since is None and self.cycle is not None and self.cycle.response_complete:
                self._head_began_at = self._received_at  # the rest of a body has as long as the next head
        elif self._in_head and self._head_began_at == since:
            self._head_bytes += len(data)
            if self._head_bytes > self.config.limits.header_bytes:
                self._reject(431)

    def eof_received(self) -> None:
        """Rejects a body that ends before its Content-Length: who has only closed for writing still reads the response."""
        if self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete:
            self._reject(400)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the timers."""
        self._stop_timers()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection over to the WebSocket protocol."""
        self._stop_timers()
        super().handle_websocket_upgrade()
        # The parser and this protocol hold each other, and there is no more use for either.
        self.parser = self.scope = self.headers = None  # type: ignore[assignment]

    def on_message_begin(self) -> None:
        """Starts the timeout of a head, unless it is running."""
        super().on_message_begin()
        self._in_head = True
        if self._head_began_at is None:
            self._head_began_at = self._received_at

    def on_message_complete(self) -> None:
        """Ends a request, unless it only seems complete: httptools ends each that asks for an upgrade with its head."""
        if not (self.parser.should_upgrade() and has_body(self.headers)):
            super().on_message_complete()

    def on_headers_complete(self) -> None:
        """Starts a request once its head is complete. Raises ``RejectedHead`` for one that is too large or ambiguous."""
        limits = self.config.limits
        if self._head_bytes + self._data_bytes > limits.line_bytes:
            self._check_head_size()
        if len(self.headers) > limits.headers:
            raise RejectedHead(431)
        if is_ambiguous(self.headers, self.parser.get_http_version()):
            raise RejectedHead(400)
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise RejectedHead(400)
        self._head_began_at = None
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Starts the next pipelined request, or the keep-alive timeout: one timer a connection, not one a response."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self._keep_alive_timer is None:
            self._keep_alive_timer = self.loop.call_at(self._idle_since + self.timeout_keep_alive, self._check_idle)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _check_idle(self) -> None:
        """Closes the connection once it has been idle for ``timeout_keep_alive`` seconds; until then, checks again."""
        self._keep_alive_timer = None
        if self._idle_since is None:
            return
        due = self._idle_since + self.timeout_keep_alive
        if due <= self.loop.time():
            self.timeout_keep_alive_handler()
        else:
            self._keep_alive_timer = self.loop.call_at(due, self._check_idle)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        super()._start_asgi_task(cycle, ResponseCoalescer(app, cycle))

    def _should_upgrade(self) -> bool:
        """Whether this is the opening handshake of a WebSocket, which has no body (RFC 6455, 4.1)."""
        return self.parser.get_method() == b"GET" and not has_body(self.headers) and super()._should_upgrade()

    def _resume_after_upgrade(self, rest: bytes) -> None:
        try:
            self.parser = parser_after_head(self, self.headers)
        except httptools.HttpParserError:
            self._reject(400)
            return
        if rest:
            self.data_received(rest)

    def _check_head_size(self) -> None:
        if len(self.url) > self.config.limits.line_bytes:
            raise RejectedHead(414)
        if sum(len(name) + len(value) for name, value in self.headers) > self.config.limits.header_bytes:
            raise RejectedHead(431)

    def _release_place(self) -> None:
        if self._admitted:
            super()._release_place()

    def _check_progress(self) -> None:
        """Ends the connection where a timeout has passed, and checks again when the next one could have."""
        limits, now = self.config.limits, self.loop.time()
        silence_ends = self._received_at + self.config.write_timeout
        if self.transport.is_closing():
            self._request_timer = self.loop.call_later(self.config.write_timeout, self._check_progress)
            if not self.write_timer_is_running:
                self.start_write_timer()  # only the rest of the response is to be read
        elif now >= silence_ends and self._is_client_turn():
            reset_connection(self.transport)
        elif (self._head_began_at is not None and now >= self._head_began_at + limits.head_timeout) or self._is_slow_body(now):
            self._reject(408)
        else:
            head_ends = (now if self._head_began_at is None else self._head_began_at) + limits.head_timeout
            rest = min(head_ends, silence_ends if now < silence_ends else now + self.config.write_timeout) - now
            self._request_timer = self.loop.call_later(rest, self._check_progress)

    def _is_slow_body(self, now: float) -> bool:
        """Whether the rate of a body since the last check was below the minimum; begins the next measurement."""
        body = self.cycle if self.cycle is not None and self.cycle.more_body and self._is_client_turn() else None
        if body is not None and body is self._measured_cycle and now - self._measured_at < self.config.limits.head_timeout:
            return False
        expected = self.config.limits.min_body_rate * (now - self._measured_at)
        slow = body is not None and body is self._measured_cycle and self._measured_bytes < expected
        self._measured_cycle, self._measured_at, self._measured_bytes = body, now, 0
        return slow

    def _is_client_turn(self) -> bool:
        """Whether the server waits for the client to send."""
        if self.cycle is None:
            return True
        if self.cycle.response_complete:
            return self._idle_since is None
        return self.cycle.more_body and not self.flow.read_paused and not self.cycle.waiting_for_100_continue

    def _reject(self, status: int) -> None:
        """Writes an error response and closes; resets where a response is under way, which it would be taken for."""
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started or self.pipeline:
                reset_connection(self.transport)
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(RESPONSES[status])
        self.transport.close()

    def _stop_timers(self) -> None:
        for timer in (self._request_timer, self._keep_alive_timer):
            if timer is not None:
                timer.cancel()
        self._request_timer = self._keep_alive_timer = None
