"""Content codings of a response (RFC 9110, 8.4): which ones it names, and their bounded, streaming decoders.

Servers write into ``Content-Encoding`` what is none: nothing at all, ``utf-8``, ``none``, ``binary``. Clients read such
an answer as it is, and so does this one; only a coding that exists and was not asked for cannot be read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final, Protocol

from providers.http.transport import DecodingError

ACCEPTED: Final = "gzip, deflate"
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_DECODABLE: Final = _GZIP | {"deflate"}
_UNDECODABLE: Final = frozenset({"br", "zstd", "compress", "x-compress", "exi", "pack200-gzip", "dcb", "dcz"})
"""The other codings that IANA lists. Nobody asks for them."""
_FRAMING: Final = frozenset({"chunked", "identity", ""})
"""Transfer codings that have been undone, or do nothing."""
_MAGIC: Final = b"\x1f\x8b"
_ZLIB: Final = 8
"""The low half of the first byte, where ``deflate`` is what its name means; some send it without a head."""
_PIECE: Final = 65_536
_MOST_CODINGS: Final = 2
_MOST_BETWEEN: Final = 64 * 2**20
"""Bytes that may lie between two codings: a small answer could unpack to a gigabyte that unpacks to nothing."""


class Decoder(Protocol):
    """Undoes codings piece by piece, so that a small answer that becomes a large one is found out before it is large."""

    @property
    def whole(self) -> bool:
        """Whether what was put ends where it may."""

    def put(self, data: bytes) -> None:
        """Takes more of what is encoded."""

    def take(self) -> bytes:
        """The next piece, or nothing where more has to be put first. Raises ``DecodingError``."""


def decoder(content: Iterable[str], transfer: Iterable[str] = ()) -> Decoder | None:
    """The decoder for a response with these values of ``Content-Encoding`` and ``Transfer-Encoding``; None where it needs none.

    Several headers and one with commas are the same (RFC 9110, 5.3). What is no content coding is passed over; an unknown
    transfer coding is not, as it hides where the body ends.
    """
    named = [coding for coding in _codings(content) if coding in _DECODABLE or coding in _UNDECODABLE]
    # Another spelling of ``chunked`` is unknown too: the parser has not read the chunks, and would pass on their sizes.
    named += [
        coding for value in transfer for part in value.split(",") if (coding := part.strip(" \t").lower()) not in _FRAMING
    ]
    if not named:
        return None
    if len(named) > _MOST_CODINGS or not _DECODABLE.issuperset(named):
        return _Refusal()
    return _Inflater(named[0]) if len(named) == 1 else _Chain(_Inflater(named[1]), _Inflater(named[0]))


def _codings(values: Iterable[str]) -> list[str]:
    """Lower-case names, without parameters and quotes, in the order in which they were applied."""
    return [part.partition(";")[0].strip(' \t"').lower() for value in values for part in value.split(",")]


class _Refusal:
    """For codings that cannot be undone. An empty body is one in any of them."""

    whole = True

    def put(self, data: bytes) -> None:
        raise DecodingError("It is encoded in a way that was not asked for.")

    def take(self) -> bytes:
        return b""


class _Inflater:
    """Undoes gzip or deflate."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._waiting = b""
        self._inflater: zlib._Decompress | None = None
        self._full = False
        self._ended = False
        self._padded = False

    @property
    def whole(self) -> bool:
        return self._inflater is None

    def put(self, data: bytes) -> None:
        """Takes more. A file of gzip may be several; zeros or anything else behind them is padding, as gzip has it."""
        if self._padded:
            return
        self._waiting += data
        if self._ended and self._inflater is None:
            more = self._waiting.lstrip(b"\0")
            self._padded = self._coding not in _GZIP or not _MAGIC.startswith(more[:2])
            self._waiting = b"" if self._padded else more

    def take(self) -> bytes:
        while self._full or (self._waiting and not self._between):
            inflater = self._inflater = self._inflater or self._begun()
            try:
                piece = inflater.decompress(self._waiting, _PIECE)
            except zlib.error as error:
                raise DecodingError("It cannot be decompressed.") from error
            self._full = len(piece) == _PIECE
            self._waiting = inflater.unconsumed_tail
            if inflater.eof:
                self._inflater, self._full, self._ended = None, False, True
                self.put(inflater.unused_data)
            if piece:
                return piece
        return b""

    @property
    def _between(self) -> bool:
        """Whether all that is here is the first byte of what may be another file of gzip, or padding."""
        return self._ended and self._inflater is None and len(self._waiting) < len(_MAGIC)

    def _begun(self) -> zlib._Decompress:
        if self._coding in _GZIP:
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        return zlib.decompressobj(zlib.MAX_WBITS if self._waiting[0] & 0x0F == _ZLIB else -zlib.MAX_WBITS)


class _Chain:
    """Undoes two codings, the outer one first."""

    def __init__(self, outer: Decoder, inner: Decoder) -> None:
        self._outer = outer
        self._inner = inner
        self._passed = 0

    @property
    def whole(self) -> bool:
        return self._outer.whole and self._inner.whole

    def put(self, data: bytes) -> None:
        self._outer.put(data)

    def take(self) -> bytes:
        while not (piece := self._inner.take()):
            between = self._outer.take()
            if not between:
                return b""
            self._passed += len(between)
            if self._passed > _MOST_BETWEEN:
                raise DecodingError("It unpacks to too much.")
            self._inner.put(between)
        return piece
