"""PDF validation: refuses polyglots, which are a PDF and another type at once, and encrypted PDFs.

A polyglot shows one thing to its signer, and another to a reader who opens it as its other type. An encrypted PDF cannot have
a signature written into it. pyHanko reads whether it is encrypted from the trailers; a file in which the name ``/Encrypt`` does
not occur has no such trailer, as trailers are never compressed (ISO 32000-1, 7.5.5 and 7.5.8).
"""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import BinaryIO, Final

from pyhanko.pdf_utils.generic import EncryptedObjAccess, NullObject
from pyhanko.pdf_utils.reader import PdfFileReader

from providers.errors import Invalid

HEADER: Final = b"%PDF-"
_HEADER_BYTES: Final = 1_024
"""PDF readers accept a header so far behind the beginning (ISO 32000-1, annex H.3.4.1)."""
_ENCRYPT: Final = re.compile(rb"/(?:E|#45)(?:n|#6[Ee])(?:c|#63)(?:r|#72)(?:y|#79)(?:p|#70)(?:t|#74)")
_MAX_NAME: Final = 1 + 3 * len("Encrypt")
_MARKUP: Final = re.compile(rb"<(?:!doctype html|html|head|body|script|svg|iframe)[\s>/]", re.IGNORECASE)
_ARCHIVES: Final = ((b"Rar!\x1a\x07", "a RAR archive"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"))
_MAGIC_AT: Final = ((257, b"ustar", "a tar archive"), (32_769, b"CD001", "an image of a disk"))
"""Types whose magic number is in the midst of a file."""
_ZIP_END: Final = b"PK\x05\x06"
_ZIP_ENTRY: Final = b"PK\x01\x02"
_ZIP_LOCATOR: Final = b"PK\x06\x07"
_ZIP_TAIL: Final = 65_557
"""A ZIP ends with a record of 22 bytes and a comment of up to 65,535: readers search no further."""
_MAX_READ: Final = 64 * 2**20
_TIMEOUT: Final = 5.0
_OTHER: Final = "The file is a PDF and {} as well: what it shows depends on what opens it. Send the document alone."
_UNREADABLE: Final = "The tables of this PDF cannot be read, so that it may be encrypted. Save it anew, and send that."
_ENCRYPTED: Final = "The PDF is encrypted. Save it without a password, as a signature has to be written into it."


class StreamScan:
    """Scans a PDF while it is received: for an ``/Encrypt`` entry of a trailer, and for the magic number of an archive."""

    def __init__(self) -> None:
        self.may_be_encrypted = False
        self.archive: str | None = None
        self._overlap = b""

    def feed(self, chunk: bytes) -> None:
        """Scans the next chunk."""
        window = self._overlap + chunk
        self.may_be_encrypted = self.may_be_encrypted or _ENCRYPT.search(window) is not None
        self.archive = self.archive or next((what for mark, what in _ARCHIVES if mark in window), None)
        self._overlap = window[-_MAX_NAME:]


def require_no_polyglot_head(head: bytes) -> None:
    """Raises ``Invalid`` for a file that begins as a PDF and as another type, whatever its name."""
    place = head[: _HEADER_BYTES + len(HEADER)].find(HEADER)
    if place > 0:
        raise Invalid("The header %PDF- stands behind something else. Send the document as it was saved, from its first byte.")
    if place == 0 and _MARKUP.search(head):
        raise Invalid(_OTHER.format("a page"))


def require_plain_pdf(path: Path, scan: StreamScan) -> None:
    """Raises ``Invalid`` for a polyglot or an encrypted PDF. Takes bounded time and memory; for a thread, off the loop."""
    if scan.archive is not None:
        raise Invalid(_OTHER.format(scan.archive))
    with path.open("rb") as file:
        if is_zip(file):
            raise Invalid(_OTHER.format("a ZIP archive"))
        for place, mark, what in _MAGIC_AT:
            file.seek(place)
            if file.read(len(mark)) == mark:
                raise Invalid(_OTHER.format(what))
        if scan.may_be_encrypted and _is_encrypted(file):
            raise Invalid(_ENCRYPTED)


def is_zip(file: BinaryIO) -> bool:
    """Whether ZIP readers open a file: they begin at its end, and accept anything before the archive."""
    size = file.seek(0, io.SEEK_END)
    begin = max(0, size - _ZIP_TAIL - 20)
    file.seek(begin)
    tail = file.read()
    place = tail.find(_ZIP_END)
    while place >= 0:
        record = tail[place : place + 22]
        entries = int.from_bytes(record[10:12], "little")
        directory = begin + place - int.from_bytes(record[12:16], "little")
        if len(record) == 22 and (entries == 0 or tail[max(0, place - 20) : place].startswith(_ZIP_LOCATOR)):
            return True
        if len(record) == 22 and directory >= 0:
            file.seek(directory)
            if file.read(4) == _ZIP_ENTRY:
                return True
        place = tail.find(_ZIP_END, place + 1)
    return False


class _BoundedReader(io.RawIOBase):
    """A file with a bound on bytes and time: tables may refer to each other without end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._remaining = _MAX_READ
        self._until = time.monotonic() + _TIMEOUT

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Moves to an offset."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The offset."""
        return self._file.tell()

    def read(self, size: int = -1, /) -> bytes:
        """Reads. Raises ``ValueError`` once a bound is passed."""
        content = self._file.read(self._remaining if size < 0 else min(size, self._remaining))
        self._remaining -= len(content)
        if self._remaining <= 0 or time.monotonic() > self._until:
            raise ValueError("too much to read")
        return content


def _is_encrypted(file: BinaryIO) -> bool:
    """Whether any trailer of a PDF has an ``/Encrypt`` entry. Raises ``Invalid`` where they cannot be read."""
    try:
        trailer = PdfFileReader(_BoundedReader(file), strict=False).trailer
        if "/Encrypt" not in trailer:
            return False
        return not isinstance(trailer.raw_get("/Encrypt", EncryptedObjAccess.PROXY), NullObject)
    except Exception:  # the file is its sender's to write, and can make the library raise anything
        raise Invalid(_UNREADABLE) from None
