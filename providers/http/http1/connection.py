"""One connection, and the calls that it carries one after the other."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final, cast

import httptools

from providers.http.http1.repair import HeadRepair, is_plain_coding
from providers.http.http1.response import Http1Response
from providers.http.transport import TimeoutException, TransportError

_HEAD_BYTES: Final = 262_144
_EARLY_BYTES: Final = 2 * _HEAD_BYTES
_HEADERS: Final = 1_000
_CODING: Final = b"transfer-encoding"


class Http1Connection(asyncio.Protocol):
    """Carries one call at a time. ``freed`` is told when it may carry another, ``lost`` when it can carry none any more."""

    transport: asyncio.Transport

    def __init__(self, freed: Callable[[Http1Connection], None], lost: Callable[[Http1Connection], None]) -> None:
        self.idle_since = 0.0
        """When it was last freed, by the clock of the event loop."""
        self._freed = freed
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._parser = self._made_parser()
        self._nothing = Http1Response(self, self._loop, headless=True)
        self._nothing.ended = True
        self._answer = self._nothing
        """The one that is owed, ``_nothing`` where none is."""
        self._upload: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._due: float | None = None
        """When the head of the answer that is owed has to be here, by the clock of the event loop."""
        self._timer: asyncio.TimerHandle | None = None
        self._kept_alive = False
        self._headed = 0
        """Bytes of the head that is coming in."""
        self._unheard = 0
        """Bytes that have come in and of which nothing was made yet."""
        self._early = bytearray()
        """What has come of the answer before its head was whole."""
        self._repair: HeadRepair | None = None
        """There while a head comes in that the parser cannot read as it is."""

    async def ask(self, request: bytes, patience: float | None, *, headless: bool = False) -> Http1Response:
        """Sends a request and waits so many seconds for the head of its answer, which is all of it where it is ``headless``."""
        answer = self._answer = Http1Response(self, self._loop, headless=headless)
        self.transport.write(request)
        if patience is not None:
            self._expect(patience)
        try:
            await answer.head()
        except BaseException:
            self.abort()
            raise
        return answer

    async def stream(self, head: bytes, body: AsyncIterator[bytes], length: int | None, stall: float) -> Http1Response:
        """Sends a request piece by piece, each of which may take ``stall`` seconds, and so may the answer's head after that.

        An answer that comes before the body is whole is one too. Raises what ``body`` raises.
        """
        answer = self._answer = Http1Response(self, self._loop, headless=False)
        upload = self._upload = self._loop.create_task(self._sent(head, body, length, stall))
        upload.add_done_callback(lambda upload: self._uploaded(upload, stall))
        try:
            await answer.head()
        except BaseException:
            self.abort()
            # Whoever gave up goes on only once the source is closed.
            await asyncio.wait({upload})
            raise
        return answer

    def usable(self) -> bool:
        """Whether nothing has come in, not even its end, that the event loop has not come to yet."""
        return not self.transport.is_closing() and not self._poll.poll(0)

    def abort(self) -> None:
        """Ends it at once, and what it carries with it."""
        if self._upload is not None:
            self._upload.cancel()
        self.transport.abort()

    def resume(self) -> None:
        """There is room for more of the answer."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def leave(self, answer: Http1Response) -> None:
        """Nobody reads on: what is still coming in, or going out, ends the connection."""
        if self._answer is answer:
            self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio has it."""
        self.transport = cast(asyncio.Transport, transport)
        self._poll = select.poll()
        self._poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """As asyncio has it."""
        self._unheard += len(data)
        try:
            if self._repair is None:
                self._parser.feed_data(data)
            else:
                self._feed_repaired(self._repair, data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._begin_repair(data):
                self._fail(TransportError("What came is no answer."))
                return
        answer = self._answer
        if self._unheard > _HEAD_BYTES:
            self._fail(TransportError("The answer has a line without end."))
            return
        if answer.ended:
            self._free()
        elif not answer.status_code:
            self._early += data
            if len(self._early) > _EARLY_BYTES:
                self._fail(TransportError("The answer does not begin."))
                return
        elif answer.full:
            self.transport.pause_reading()
        answer.wake()

    def eof_received(self) -> None:
        """As asyncio has it. Who says no more is told no more either."""
        if self._answer.endless:
            self._answer.ended = True
        self._fail(TransportError("The connection was closed."))

    def connection_lost(self, error: Exception | None) -> None:
        """As asyncio has it."""
        self._fail(TransportError("The connection broke."))
        self.resume_writing()
        self._lost(self)

    def pause_writing(self) -> None:
        """As asyncio has it."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """As asyncio has it."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def on_message_begin(self) -> None:
        """Raises where nobody has asked for an answer."""
        if self._answer.ended:
            raise TransportError("An answer came that nobody asked for.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. Raises where there are more than are taken, or the head has to be repaired; trailers are passed over."""
        self._unheard = 0
        self._headed += len(name) + len(value)
        if not self._answer.status_code:
            self._answer.raw.append((name, value))
        if self._headed > _HEAD_BYTES or len(self._answer.raw) > _HEADERS:
            raise TransportError("The head of the answer is too large.")
        # The parser would hand out chunks with their sizes as the body, and be content.
        if len(name) == len(_CODING) and self._repair is None and name.lower() == _CODING and not is_plain_coding(value):
            raise TransportError("The parser does not read this transfer coding as it is meant.")

    def on_headers_complete(self) -> None:
        """A head is whole: that of the answer, or one that only says that the answer will come."""
        self._unheard = self._headed = 0
        status = self._parser.get_status_code()
        if status < 200:
            self._answer.raw.clear()
            return
        self._answer.begin(status)
        self._early.clear()
        self._due = None

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._unheard = 0
        self._answer.add(piece)

    def on_message_complete(self) -> None:
        """A message is whole."""
        self._answer.ended = self._answer.status_code > 0
        self._kept_alive = self._parser.should_keep_alive()

    def _made_parser(self) -> httptools.HttpResponseParser:
        parser = httptools.HttpResponseParser(self)
        parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)
        return parser

    def _begin_repair(self, data: bytes) -> bool:
        """Reads the head that the parser has refused anew, repaired. Whether that can be done, once for each answer."""
        if self._answer.status_code or self._answer.ended or self._repair is not None:
            return False
        self._answer.raw.clear()
        self._headed = 0
        self._parser = self._made_parser()
        self._repair = HeadRepair()
        try:
            self._feed_repaired(self._repair, bytes(self._early) + data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        return True

    def _feed_repaired(self, repair: HeadRepair, data: bytes) -> None:
        """Parses the heads that are whole by now, each repaired, and what follows the last. Raises as the parser does."""
        if not repair.put(data):
            raise httptools.HttpParserError("This is no head.")
        while (head := repair.take()) is not None:
            self._parser.feed_data(head)
            if self._answer.status_code:
                self._repair = None
                self._parser.feed_data(repair.rest())
                break

    def _free(self) -> None:
        """All of the answer is here. What is still going out is for whoever leaves the answer to end."""
        if self._upload is not None or self._answer.headless:
            return
        self._answer = self._nothing
        if self._kept_alive:
            self.idle_since = self._loop.time()
            self._freed(self)
        else:
            self.transport.abort()

    def _expect(self, patience: float) -> None:
        """The head of the answer has to come within so many seconds.

        A timer that was set for an earlier answer, and is not late for this one, looks what is due then.
        """
        due = self._due = self._loop.time() + patience
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        """Fails where the answer is late, and looks again when one that is owed now would be."""
        self._timer = None
        if self._due is None:
            return
        if self._due <= self._loop.time():
            self._fail(TimeoutException("The answer took too long."))
        else:
            self._timer = self._loop.call_at(self._due, self._look)

    def _fail(self, error: Exception) -> None:
        """Ends it, and tells whoever waits for an answer why there will be none."""
        self._due = None
        if self._timer is not None:
            self._timer.cancel()
        answer, self._answer = self._answer, self._nothing
        self.abort()
        answer.fail(error)

    async def _sent(self, head: bytes, body: AsyncIterator[bytes], length: int | None, stall: float) -> None:
        left = length
        try:
            async for piece in body:
                if left is not None:
                    left -= len(piece)
                    if left < 0:
                        break
                if piece:
                    await self._write(head + (piece if length is not None else _chunk(piece)), stall)
                    head = b""
            if left:
                raise TransportError("The body is not as long as its headers say.")
            await self._write(head if length is not None else head + _LAST_CHUNK, stall)
        finally:
            # A source that is left to the garbage collector may still hold a file open.
            if isinstance(body, AsyncGenerator):
                await body.aclose()

    async def _write(self, data: bytes, stall: float) -> None:
        if self.transport.is_closing():
            raise TransportError("The connection was closed.")
        self.transport.write(data)
        if self._writable is not None:
            try:
                async with asyncio.timeout(stall):
                    await self._writable
            except TimeoutError as error:
                raise TimeoutException("The body was not taken in time.") from error

    def _uploaded(self, upload: asyncio.Task[None], stall: float) -> None:
        self._upload = None
        error = None if upload.cancelled() else upload.exception()
        if isinstance(error, Exception):
            self._fail(error)
        elif not (self._answer.status_code or self._answer.ended):
            self._expect(stall)


_LAST_CHUNK: Final = b"0\r\n\r\n"


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
