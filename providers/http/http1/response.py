"""An answer as it comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from providers.http.message.content_coding import Decoder, decoder
from providers.http.transport import DecodingError

_ROOM: Final = 131_072
"""Bytes of a body that may wait to be read."""


class Source(Protocol):
    """Where an answer comes from."""

    def resume(self) -> None:
        """There is room for more of it."""

    def leave(self, answer: Http1Response) -> None:
        """Nobody reads on."""


class Http1Response:
    """An answer that is coming in: its connection puts in what its reader takes."""

    __slots__ = (
        "_decoder",
        "_error",
        "_held",
        "_loop",
        "_pieces",
        "_source",
        "_waiter",
        "ended",
        "headers",
        "headless",
        "raw",
        "status_code",
    )

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop, *, headless: bool) -> None:
        self.status_code = 0
        self.raw: list[tuple[bytes, bytes]] = []
        self.headers: Mapping[str, str] = ResponseHeaders(self.raw)
        self.ended = False
        """Whether all of it is here."""
        self.headless = headless
        self._source = source
        self._loop = loop
        self._pieces: list[bytes] = []
        self._held = 0
        self._decoder: Decoder | None = None
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        """Whether it had better be read before more of it comes."""
        return self._held > _ROOM

    @property
    def endless(self) -> bool:
        """Whether it ends where the connection does."""
        coding = self.headers.get("transfer-encoding", "").rpartition(",")[2].strip().lower()
        return self.status_code > 0 and coding != "chunked" and "content-length" not in self.headers

    def begin(self, status: int) -> None:
        """Its head is whole."""
        self.status_code = status
        content: list[str] = []
        transfer: list[str] = []
        for name, value in self.raw:
            match name.lower():
                case b"content-encoding":
                    content.append(value.decode("latin-1"))
                case b"transfer-encoding":
                    transfer.append(value.decode("latin-1"))
        if content or transfer:
            self._decoder = decoder(content, transfer)
        self.ended = self.headless

    def add(self, piece: bytes) -> None:
        """More of its body."""
        self._pieces.append(piece)
        self._held += len(piece)

    def fail(self, error: Exception) -> None:
        """The rest will not come, unless all of it is here already."""
        if not self.ended:
            self._error = error
        self.wake()

    def wake(self) -> None:
        """Something has come."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def head(self) -> None:
        """Waits until its status and headers are here. Raises why they will not be."""
        while not self.status_code:
            await self._turn()

    def whole(self) -> bytes | None:
        """All of its body, where that is here already and is not compressed."""
        return b"".join(self._pieces) if self.ended and self._decoder is None else None

    async def read(self) -> bytes:
        """The next piece of its body, decompressed; nothing at the end. Raises ``TransportError``."""
        while True:
            if self._decoder is not None and (piece := self._decoder.take()):
                return piece
            if self._pieces:
                data = self._taken()
                if self._decoder is None:
                    return data
                self._decoder.put(data)
            elif self.ended:
                if self._decoder is not None and not self._decoder.whole:
                    raise DecodingError("It ends too early to be decompressed.")
                return b""
            else:
                await self._turn()

    async def aclose(self) -> None:
        """Ends the connection, unless all of it has come."""
        self._source.leave(self)

    def _taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        if self.full and not self.ended and self._error is None:
            self._source.resume()
        self._held = 0
        return data

    def _turn(self) -> asyncio.Future[None]:
        """Is done when something has come. Raises why nothing will."""
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        return self._waiter


class ResponseHeaders(Mapping[str, str]):
    """Names match in any case. A header that came more than once has all its values, with commas between them."""

    __slots__ = ("_made", "_raw")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._made: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._all()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, str]:
        """Made when somebody asks, which for most answers nobody does."""
        if self._made is None:
            self._made = {}
            for name, value in self._raw:
                key = name.decode("latin-1").lower()
                self._made[key] = f"{self._made[key]}, {_text(value)}" if key in self._made else _text(value)
        return self._made


def _text(value: bytes) -> str:
    """A header of bytes that are no UTF-8 is taken for Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
