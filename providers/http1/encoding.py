"""What compresses an answer, undone."""

from __future__ import annotations

import zlib
from typing import Final

from providers.http_transport import DecodingError

ACCEPTED: Final = "gzip, deflate"
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_ZLIB: Final = 8
"""The low half of the first byte, where ``deflate`` is what its name means; some send it without a head."""
_PIECE: Final = 65_536


class Decoder:
    """Undoes a compression piece by piece: a small answer that becomes a large one is found out before it is large."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._waiting = b""
        self._inflater: zlib._Decompress | None = None
        self._full = False
        self._ended = False

    @property
    def whole(self) -> bool:
        """Whether what was put ends where it may."""
        return self._inflater is None

    def put(self, data: bytes) -> None:
        """More of what is compressed. A file of gzip may be several, with zeros behind them."""
        self._waiting += data
        if self._ended and self._inflater is None:
            self._waiting = self._waiting.lstrip(b"\0") if self._encoding in _GZIP else b""

    def take(self) -> bytes:
        """The next piece, or nothing where more has to be put first. Raises ``DecodingError``."""
        while self._waiting or self._full:
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

    def _begun(self) -> zlib._Decompress:
        if self._encoding in _GZIP:
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        if self._encoding == "deflate":
            return zlib.decompressobj(zlib.MAX_WBITS if self._waiting[0] & 0x0F == _ZLIB else -zlib.MAX_WBITS)
        raise DecodingError("It is compressed in a way that was not asked for.")
