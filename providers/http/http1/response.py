"""HTTP/1.1 response: its connection feeds it, and its reader takes the body chunk by chunk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from providers.http.message.content_coding import Decoder, decoder
from providers.http.transport import DecodingError

_MAX_BUFFERED_BYTES: Final = 131_072
"""Of a body that waits to be read; beyond it the connection stops reading."""


class ResponseSource(Protocol):
    """The connection that a response is received from."""

    def resume_reading(self) -> None:
        """Reads on: the reader has taken what was buffered."""

    def release(self, response: Http1Response) -> None:
        """Ends a response that is read no further."""


class Http1Response:
    """A response that is being received."""

    __slots__ = (
        "_buffered_bytes",
        "_chunks",
        "_decoder",
        "_error",
        "_loop",
        "_source",
        "_waiter",
        "bodiless",
        "headers",
        "is_complete",
        "raw_headers",
        "status_code",
    )

    def __init__(self, source: ResponseSource, loop: asyncio.AbstractEventLoop, *, bodiless: bool) -> None:
        self.status_code = 0
        """0 until the head has arrived."""
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.headers: Mapping[str, str] = ResponseHeaders(self.raw_headers)
        self.is_complete = False
        """Whether all of it has arrived."""
        self.bodiless = bodiless
        """Whether it ends with its head, as those to HEAD and CONNECT do."""
        self._source = source
        self._loop = loop
        self._chunks: list[bytes] = []
        self._buffered_bytes = 0
        self._decoder: Decoder | None = None
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether the buffer has to be read before more is received (back-pressure)."""
        return self._buffered_bytes > _MAX_BUFFERED_BYTES

    @property
    def ends_with_connection(self) -> bool:
        """Whether the end of the connection is the end of the body (RFC 9112, 6.3)."""
        coding = self.headers.get("transfer-encoding", "").rpartition(",")[2].strip().lower()
        return self.status_code > 0 and coding != "chunked" and "content-length" not in self.headers

    def start(self, status_code: int) -> None:
        """Sets the status, and the decoder that the headers ask for: the head is complete."""
        self.status_code = status_code
        content: list[str] = []
        transfer: list[str] = []
        for name, value in self.raw_headers:
            match name.lower():
                case b"content-encoding":
                    content.append(value.decode("latin-1"))
                case b"transfer-encoding":
                    transfer.append(value.decode("latin-1"))
        if content or transfer:
            self._decoder = decoder(content, transfer)
        self.is_complete = self.bodiless

    def feed(self, chunk: bytes) -> None:
        """Buffers a chunk of the body."""
        self._chunks.append(chunk)
        self._buffered_bytes += len(chunk)

    def fail(self, error: Exception) -> None:
        """Raises ``error`` in the reader, unless the response is complete."""
        if not self.is_complete:
            self._error = error
        self.wake()

    def wake(self) -> None:
        """Wakes the reader: something has arrived."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait_for_head(self) -> None:
        """Waits until status and headers have arrived. Raises why they will not."""
        while not self.status_code:
            await self._wait()

    def buffered(self) -> bytes | None:
        """The complete body, where it has arrived already and is not compressed."""
        return b"".join(self._chunks) if self.is_complete and self._decoder is None else None

    async def read_chunk(self) -> bytes:
        """The next chunk of the body, decompressed; empty at the end. Raises ``TransportError``."""
        while True:
            if self._decoder is not None and (chunk := self._decoder.take()):
                return chunk
            if self._chunks:
                data = self._take_chunks()
                if self._decoder is None:
                    return data
                self._decoder.put(data)
            elif self.is_complete:
                if self._decoder is not None and not self._decoder.is_complete:
                    raise DecodingError("It ends too early to be decompressed.")
                return b""
            else:
                await self._wait()

    async def aclose(self) -> None:
        """Closes the connection, unless all of the response has arrived."""
        self._source.release(self)

    def _take_chunks(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        if self.is_full and not self.is_complete and self._error is None:
            self._source.resume_reading()
        self._buffered_bytes = 0
        return data

    def _wait(self) -> asyncio.Future[None]:
        """Completes when more has arrived. Raises why nothing will."""
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        return self._waiter


class ResponseHeaders(Mapping[str, str]):
    """Case-insensitive headers. One that is repeated has all its values, joined by commas (RFC 9110, 5.3)."""

    __slots__ = ("_parsed", "_raw")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._parsed: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._parse()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parse())

    def __len__(self) -> int:
        return len(self._parse())

    def _parse(self) -> dict[str, str]:
        """Parses the headers when they are first read: those of most responses never are."""
        if self._parsed is None:
            self._parsed = {}
            for name, value in self._raw:
                key = name.decode("latin-1").lower()
                self._parsed[key] = f"{self._parsed[key]}, {_decode(value)}" if key in self._parsed else _decode(value)
        return self._parsed


def _decode(value: bytes) -> str:
    """UTF-8, or Latin-1 where it is not valid UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
