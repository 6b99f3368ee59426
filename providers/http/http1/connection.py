"""HTTP/1.1 connection: sends one request at a time, and parses its response by llhttp."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

import httptools

from providers.http.http1.repair import HeadRepair, is_plain_coding
from providers.http.http1.response import Http1Response
from providers.http.http1.upload import FlowControl, Upload
from providers.http.transport import TimeoutException, TransportError

_MAX_HEAD_BYTES: Final = 262_144
_MAX_UNPARSED_HEAD: Final = 2 * _MAX_HEAD_BYTES
_MAX_HEADERS: Final = 1_000
_CODING: Final = b"transfer-encoding"


class Http1Connection(asyncio.Protocol):
    """Carries one request at a time. Calls ``on_idle`` when it may carry the next one, ``on_closed`` when it is closed."""

    transport: asyncio.Transport

    def __init__(self, on_idle: Callable[[Http1Connection], None], on_closed: Callable[[Http1Connection], None]) -> None:
        self.idle_since = 0.0
        """When it last became idle, by the clock of the event loop."""
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._parser = self._create_parser()
        self._no_response = Http1Response(self, self._loop, bodiless=True)
        self._no_response.is_complete = True
        self._response = self._no_response
        """The response under way; ``_no_response`` while idle."""
        self._upload_task: asyncio.Task[None] | None = None
        self._flow = FlowControl(self._loop)
        self._head_deadline: float | None = None
        """When the response's head has to have arrived, by the clock of the event loop."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._keep_alive = False
        self._head_bytes = 0
        """Bytes of the head or the trailers being parsed."""
        self._unparsed_bytes = 0
        """Bytes received since the parser's last callback: an endless line."""
        self._head_data = bytearray()
        """The bytes of an incomplete head, to be parsed again where it needs repair."""
        self._repair: HeadRepair | None = None
        """Set while a head is received that the parser refuses as it is."""

    async def send(self, request: bytes, head_timeout: float | None, *, bodiless: bool = False) -> Http1Response:
        """Sends a request; returns the response once its head has arrived, within ``head_timeout`` seconds."""
        response = self._response = Http1Response(self, self._loop, bodiless=bodiless)
        self.transport.write(request)
        if head_timeout is not None:
            self._start_head_timer(head_timeout)
        try:
            await response.wait_for_head()
        except BaseException:
            self.abort()
            raise
        return response

    async def send_stream(
        self, head: bytes, body: AsyncIterator[bytes], length: int | None, write_timeout: float
    ) -> Http1Response:
        """Sends a request with a streamed body; each piece, and the response's head after them, may take ``write_timeout``.

        A response may arrive before the body is sent. Raises what ``body`` raises.
        """
        response = self._response = Http1Response(self, self._loop, bodiless=False)
        upload = self._upload_task = self._loop.create_task(
            Upload(self.transport, self._flow, body, length, write_timeout).send(head)
        )
        upload.add_done_callback(lambda upload: self._on_upload_done(upload, write_timeout))
        try:
            await response.wait_for_head()
        except BaseException:
            self.abort()
            # The caller goes on only once the source of the body is closed.
            await asyncio.wait({upload})
            raise
        return response

    def is_usable(self) -> bool:
        """Whether it is open, and the kernel holds no data or end of stream that the event loop has not read yet."""
        return not self.transport.is_closing() and not self._poll.poll(0)

    def abort(self) -> None:
        """Closes it at once, and cancels its upload."""
        if self._upload_task is not None:
            self._upload_task.cancel()
        self.transport.abort()

    def resume_reading(self) -> None:
        """Reads on: the response has room for more."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def release(self, response: Http1Response) -> None:
        """Closes the connection where the response is still under way."""
        if self._response is response:
            self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Registers the socket to be polled before it is used again."""
        self.transport = cast(asyncio.Transport, transport)
        self._poll = select.poll()
        self._poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, once more with a repaired head where it refuses one, and wakes the reader."""
        self._unparsed_bytes += len(data)
        try:
            if self._repair is None:
                self._parser.feed_data(data)
            else:
                self._feed_repaired(self._repair, data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._parse_repaired(data):
                self._fail(TransportError("What came is no response."))
                return
        response = self._response
        if self._unparsed_bytes > _MAX_HEAD_BYTES:
            self._fail(TransportError("The response has a line without end."))
            return
        if response.is_complete:
            self._complete_response()
        elif not response.status_code:
            self._head_data += data
            if len(self._head_data) > _MAX_UNPARSED_HEAD:
                self._fail(TransportError("The response does not begin."))
                return
        elif response.is_full:
            self.transport.pause_reading()
        response.wake()

    def eof_received(self) -> None:
        """Ends a response that ends with the connection, and closes: a server that sends no more is sent no more either."""
        if self._response.ends_with_connection:
            self._response.is_complete = True
        self._fail(TransportError("The connection was closed."))

    def connection_lost(self, error: Exception | None) -> None:
        """Fails the response under way."""
        self._fail(TransportError("The connection broke."))
        self.resume_writing()
        self._on_closed(self)

    def pause_writing(self) -> None:
        """Makes uploads wait: the write buffer is full."""
        self._flow.pause_writing()

    def resume_writing(self) -> None:
        """Lets uploads go on."""
        self._flow.resume_writing()

    def on_message_begin(self) -> None:
        """Raises where no request is under way."""
        if self._response.is_complete:
            raise TransportError("A response came that nobody asked for.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Adds a header; trailers are dropped. Raises where there are too many, or the head needs repair."""
        self._unparsed_bytes = 0
        self._head_bytes += len(name) + len(value)
        if not self._response.status_code:
            self._response.raw_headers.append((name, value))
        if self._head_bytes > _MAX_HEAD_BYTES or len(self._response.raw_headers) > _MAX_HEADERS:
            raise TransportError("The head of the response is too large.")
        # The parser would pass the chunks with their sizes as the body, without an error.
        if len(name) == len(_CODING) and self._repair is None and name.lower() == _CODING and not is_plain_coding(value):
            raise TransportError("The parser does not read this transfer coding as it is meant.")

    def on_headers_complete(self) -> None:
        """Starts the response; an interim (1xx) one is dropped."""
        self._unparsed_bytes = self._head_bytes = 0
        status = self._parser.get_status_code()
        if status < 200:
            self._response.raw_headers.clear()
            return
        self._response.start(status)
        self._head_data.clear()
        self._head_deadline = None

    def on_body(self, chunk: bytes) -> None:
        """Adds a chunk of the body."""
        self._unparsed_bytes = 0
        self._response.feed(chunk)

    def on_message_complete(self) -> None:
        """Completes the response, unless the message was an interim one."""
        self._response.is_complete = self._response.status_code > 0
        self._keep_alive = self._parser.should_keep_alive()

    def _create_parser(self) -> httptools.HttpResponseParser:
        parser = httptools.HttpResponseParser(self)
        parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)
        return parser

    def _parse_repaired(self, data: bytes) -> bool:
        """Parses the refused head again, repaired; once for each response. False where that cannot be done."""
        if self._response.status_code or self._response.is_complete or self._repair is not None:
            return False
        self._response.raw_headers.clear()
        self._head_bytes = 0
        self._parser = self._create_parser()
        self._repair = HeadRepair()
        try:
            self._feed_repaired(self._repair, bytes(self._head_data) + data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        return True

    def _feed_repaired(self, repair: HeadRepair, data: bytes) -> None:
        """Parses each complete head, repaired, and what follows the last one. Raises as the parser does."""
        if not repair.put(data):
            raise httptools.HttpParserError("This is no head.")
        while (head := repair.take()) is not None:
            self._parser.feed_data(head)
            if self._response.status_code:
                self._repair = None
                self._parser.feed_data(repair.rest())
                break

    def _complete_response(self) -> None:
        """Makes the connection idle again, or closes it. An upload still under way is ended by ``release``."""
        if self._upload_task is not None or self._response.bodiless:
            return
        self._response = self._no_response
        if self._keep_alive:
            self.idle_since = self._loop.time()
            self._on_idle(self)
        else:
            self.transport.abort()

    def _start_head_timer(self, head_timeout: float) -> None:
        """Sets the deadline of the head. An earlier response's timer that fires before it is reused: it checks again."""
        due = self._head_deadline = self._loop.time() + head_timeout
        if self._head_timer is not None:
            if self._head_timer.when() <= due:
                return
            self._head_timer.cancel()
        self._head_timer = self._loop.call_at(due, self._check_head_timeout)

    def _check_head_timeout(self) -> None:
        """Fails the response where its deadline has passed; otherwise checks again at the deadline."""
        self._head_timer = None
        if self._head_deadline is None:
            return
        if self._head_deadline <= self._loop.time():
            self._fail(TimeoutException("The response took too long."))
        else:
            self._head_timer = self._loop.call_at(self._head_deadline, self._check_head_timeout)

    def _fail(self, error: Exception) -> None:
        """Closes the connection, and raises ``error`` in the reader of the response."""
        self._head_deadline = None
        if self._head_timer is not None:
            self._head_timer.cancel()
        response, self._response = self._response, self._no_response
        self.abort()
        response.fail(error)

    def _on_upload_done(self, upload: asyncio.Task[None], write_timeout: float) -> None:
        self._upload_task = None
        error = None if upload.cancelled() else upload.exception()
        if isinstance(error, Exception):
            self._fail(error)
        elif not (self._response.status_code or self._response.is_complete):
            self._start_head_timer(write_timeout)
