"""Content codings of a response (RFC 9110, 8.4), undone by bounded, streaming decoders.

Servers write values into ``Content-Encoding`` that are no coding: an empty one, ``utf-8``, ``none``, ``binary``. Clients
read such a response as it is, and so does this one; only a registered coding that was not accepted is refused.
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
"""The other codings that IANA lists; they are never accepted."""
_FRAMING: Final = frozenset({"chunked", "identity", ""})
"""Transfer codings that the parser has undone, or that do nothing."""
_MAGIC: Final = b"\x1f\x8b"
_ZLIB: Final = 8
"""The low nibble of the first byte of ``deflate`` in its zlib format; some servers send it without that."""
_PIECE: Final = 65_536
_MAX_CODINGS: Final = 2
_MAX_BETWEEN: Final = 64 * 2**20
"""Bytes between two codings: a small response could unpack to a gigabyte that unpacks to nothing."""


class Decoder(Protocol):
    """Decompresses piece by piece, so that a decompression bomb is stopped before it is large."""

    @property
    def is_complete(self) -> bool:
        """Whether the data put so far ends at the end of a coding."""

    def put(self, data: bytes) -> None:
        """Adds encoded data."""

    def take(self) -> bytes:
        """The next decoded piece; empty where more has to be put first. Raises ``DecodingError``."""


def decoder(content: Iterable[str], transfer: Iterable[str] = ()) -> Decoder | None:
    """The decoder for a response with these values of ``Content-Encoding`` and ``Transfer-Encoding``; None where it needs none.

    Several headers and one with commas are the same (RFC 9110, 5.3). Unregistered content codings are ignored; an unknown
    transfer coding is not, as it hides the end of the body.
    """
    codings = [coding for coding in _split(content) if coding in _DECODABLE or coding in _UNDECODABLE]
    # Another spelling of ``chunked`` is unknown too: the parser has not undone it, and would pass on the chunks' sizes.
    codings += [
        coding for value in transfer for part in value.split(",") if (coding := part.strip(" \t").lower()) not in _FRAMING
    ]
    if not codings:
        return None
    if len(codings) > _MAX_CODINGS or not _DECODABLE.issuperset(codings):
        return _Undecodable()
    return _Inflater(codings[0]) if len(codings) == 1 else _Chain(_Inflater(codings[1]), _Inflater(codings[0]))


def _split(values: Iterable[str]) -> list[str]:
    """Lower-case names, without parameters and quotes, in the order in which they were applied."""
    return [part.partition(";")[0].strip(' \t"').lower() for value in values for part in value.split(",")]


class _Undecodable:
    """Refuses codings that cannot be undone. An empty body is valid in any of them."""

    is_complete = True

    def put(self, data: bytes) -> None:
        raise DecodingError("It is encoded in a way that was not asked for.")

    def take(self) -> bytes:
        return b""


class _Inflater:
    """Decompresses gzip or deflate."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._pending = b""
        self._inflater: zlib._Decompress | None = None
        self._full = False
        self._ended = False
        self._padded = False

    @property
    def is_complete(self) -> bool:
        return self._inflater is None

    def put(self, data: bytes) -> None:
        """Adds data. A gzip file may have several members; anything else behind them is padding, as it is to gzip."""
        if self._padded:
            return
        self._pending += data
        if self._ended and self._inflater is None:
            more = self._pending.lstrip(b"\0")
            self._padded = self._coding not in _GZIP or not _MAGIC.startswith(more[:2])
            self._pending = b"" if self._padded else more

    def take(self) -> bytes:
        while self._full or (self._pending and not self._between):
            inflater = self._inflater = self._inflater or self._create()
            try:
                piece = inflater.decompress(self._pending, _PIECE)
            except zlib.error as error:
                raise DecodingError("It cannot be decompressed.") from error
            self._full = len(piece) == _PIECE
            self._pending = inflater.unconsumed_tail
            if inflater.eof:
                self._inflater, self._full, self._ended = None, False, True
                self.put(inflater.unused_data)
            if piece:
                return piece
        return b""

    @property
    def _between(self) -> bool:
        """Whether there is only the first byte of what may be another gzip member, or padding."""
        return self._ended and self._inflater is None and len(self._pending) < len(_MAGIC)

    def _create(self) -> zlib._Decompress:
        if self._coding in _GZIP:
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        return zlib.decompressobj(zlib.MAX_WBITS if self._pending[0] & 0x0F == _ZLIB else -zlib.MAX_WBITS)


class _Chain:
    """Decompresses two codings, the outer one first."""

    def __init__(self, outer: Decoder, inner: Decoder) -> None:
        self._outer = outer
        self._inner = inner
        self._between_bytes = 0

    @property
    def is_complete(self) -> bool:
        return self._outer.is_complete and self._inner.is_complete

    def put(self, data: bytes) -> None:
        self._outer.put(data)

    def take(self) -> bytes:
        while not (piece := self._inner.take()):
            between = self._outer.take()
            if not between:
                return b""
            self._between_bytes += len(between)
            if self._between_bytes > _MAX_BETWEEN:
                raise DecodingError("It unpacks to too much.")
            self._inner.put(between)
        return piece
