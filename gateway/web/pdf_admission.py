"""PDF admission: whether a file is a PDF alone, and one that can be signed.

A polyglot shows one thing to whoever signs it, and another to whoever opens it as the other type that it also is. An encrypted
PDF cannot have a signature written into it. Whether it is encrypted, its trailers say, which pyHanko reads; a file in which the
name ``/Encrypt`` does not occur has no such trailer, as trailers are never compressed (ISO 32000-1, 7.5.5 and 7.5.8).
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
"""Readers take a file for a PDF whose header stands so far behind its beginning (ISO 32000-1, annex H.3.4.1)."""
_ENCRYPT: Final = re.compile(rb"/(?:E|#45)(?:n|#6[Ee])(?:c|#63)(?:r|#72)(?:y|#79)(?:p|#70)(?:t|#74)")
_LONGEST: Final = 1 + 3 * len("Encrypt")
_MARKUP: Final = re.compile(rb"<(?:!doctype html|html|head|body|script|svg|iframe)[\s>/]", re.IGNORECASE)
_ARCHIVES: Final = ((b"Rar!\x1a\x07", "a RAR archive"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"))
_AT: Final = ((257, b"ustar", "a tar archive"), (32_769, b"CD001", "an image of a disk"))
"""Marks of types that are told by something in the midst of a file."""
_END_OF_ZIP: Final = b"PK\x05\x06"
_ENTRY_OF_ZIP: Final = b"PK\x01\x02"
_LOCATOR_OF_ZIP: Final = b"PK\x06\x07"
_ZIP_TAIL: Final = 65_557
"""A ZIP ends with a record of 22 bytes and a comment of up to 65,535 behind it: readers look no further."""
_MOST_READ: Final = 64 * 2**20
_SECONDS: Final = 5.0
_OTHER: Final = "The file is a PDF and {} as well: what it shows depends on what opens it. Send the document alone."
_UNREADABLE: Final = "The tables of this PDF cannot be read, so that it may be encrypted. Save it anew, and send that."
_ENCRYPTED: Final = "The PDF is encrypted. Save it without a password, as a signature has to be written into it."


class Search:
    """Looks through a PDF while it comes in: whether any trailer may say that it is encrypted, and whether it is an archive."""

    def __init__(self) -> None:
        self.may_be_encrypted = False
        self.archive: str | None = None
        self._before = b""

    def feed(self, chunk: bytes) -> None:
        """The next part of the file."""
        window = self._before + chunk
        self.may_be_encrypted = self.may_be_encrypted or _ENCRYPT.search(window) is not None
        self.archive = self.archive or next((what for mark, what in _ARCHIVES if mark in window), None)
        self._before = window[-_LONGEST:]


def require_alone(head: bytes) -> None:
    """Raises ``Invalid`` for a file that begins as a PDF and as something else, however it is called."""
    place = head[: _HEADER_BYTES + len(HEADER)].find(HEADER)
    if place > 0:
        raise Invalid("The header %PDF- stands behind something else. Send the document as it was saved, from its first byte.")
    if place == 0 and _MARKUP.search(head):
        raise Invalid(_OTHER.format("a page"))


def check(path: Path, search: Search) -> None:
    """Raises ``Invalid`` for a PDF that is another type as well, or encrypted. Takes bounded time and memory, off the loop."""
    if search.archive is not None:
        raise Invalid(_OTHER.format(search.archive))
    with path.open("rb") as file:
        if is_zip(file):
            raise Invalid(_OTHER.format("a ZIP archive"))
        for place, mark, what in _AT:
            file.seek(place)
            if file.read(len(mark)) == mark:
                raise Invalid(_OTHER.format(what))
        if search.may_be_encrypted and _encrypted(file):
            raise Invalid(_ENCRYPTED)


def is_zip(file: BinaryIO) -> bool:
    """Whether readers of ZIP archives open a file: they begin at its end, and take whatever stands before the archive."""
    size = file.seek(0, io.SEEK_END)
    begin = max(0, size - _ZIP_TAIL - 20)
    file.seek(begin)
    tail = file.read()
    place = tail.find(_END_OF_ZIP)
    while place >= 0:
        record = tail[place : place + 22]
        entries = int.from_bytes(record[10:12], "little")
        directory = begin + place - int.from_bytes(record[12:16], "little")
        if len(record) == 22 and (entries == 0 or tail[max(0, place - 20) : place].startswith(_LOCATOR_OF_ZIP)):
            return True
        if len(record) == 22 and directory >= 0:
            file.seek(directory)
            if file.read(4) == _ENTRY_OF_ZIP:
                return True
        place = tail.find(_END_OF_ZIP, place + 1)
    return False


class _Metered(io.RawIOBase):
    """A file of which so many bytes are read, and for so long: tables may refer to each other without an end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _MOST_READ
        self._until = time.monotonic() + _SECONDS

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """It is read at any place."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._file.tell()

    def read(self, size: int = -1, /) -> bytes:
        """Reads on. Raises ``ValueError`` once too much was read."""
        found = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(found)
        if self._left <= 0 or time.monotonic() > self._until:
            raise ValueError("too much to read")
        return found


def _encrypted(file: BinaryIO) -> bool:
    """Whether any trailer of a PDF has it encrypted. Raises ``Invalid`` where they cannot be read."""
    try:
        trailer = PdfFileReader(_Metered(file), strict=False).trailer
        if "/Encrypt" not in trailer:
            return False
        return not isinstance(trailer.raw_get("/Encrypt", EncryptedObjAccess.PROXY), NullObject)
    except Exception:  # its sender's to write: whatever it makes the library raise, nobody can tell
        raise Invalid(_UNREADABLE) from None
