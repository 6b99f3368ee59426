"""What a file is, by its bytes: neither its name nor what its sender calls it is believed."""

from __future__ import annotations

import re
from typing import Final

from providers.errors import Invalid

PDF: Final = "application/pdf"
HEAD: Final = 1024
"""Bytes at the beginning of a file that are looked at."""
TAIL: Final = 2048
"""Bytes at its end."""
_UNKNOWN: Final = "application/octet-stream"
_ZIP: Final = "application/zip"
_XML: Final = "application/xml"
_PROGRAM: Final = "application/x-executable"
_MAGIC: Final = (
    (b"%PDF-", PDF),
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", _ZIP),
    (b"<?xml", _XML),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"\x7fELF", _PROGRAM),
    (b"MZ", _PROGRAM),
    (b"\xcf\xfa\xed\xfe", _PROGRAM),
    (b"#!", _PROGRAM),
)
_MARKUP: Final = re.compile(rb"<(?:!doctype html|html|head|body|script|svg|iframe)[\s>]", re.IGNORECASE)
_KNOWN: Final = frozenset(kind for _, kind in _MAGIC)
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
_WITHIN: Final = {
    _ZIP: ("application/vnd.", "application/epub+zip"),
    "application/x-ole-storage": ("application/vnd.ms-", "application/msword"),
    "image/tiff": ("image/",),
    _XML: ("text/xml", "image/svg+xml", "application/xhtml+xml"),
    "application/rtf": ("text/rtf",),
    "application/gzip": ("application/x-gzip",),
}
"""How the types begin whose files are of another type within."""
_BYTE_ORDER: Final = (b"\xff\xfe", b"\xfe\xff")
_PADDING: Final = b" \t\r\n\f\0"
_START_XREF: Final = re.compile(rb"startxref\s+(\d{1,15})\s+%%EOF")


def sniff(head: bytes, filename: str | None, declared: str | None) -> str:
    """What a file is that begins like this. Raises ``Invalid`` where it is called something else."""
    said = (declared or "").partition(";")[0].strip().lower()
    known = said if _MEDIA_TYPE.fullmatch(said) else _UNKNOWN
    found = _found(head)
    if found != PDF and ((filename or "").lower().endswith(".pdf") or known == PDF):
        raise Invalid("The file is called a PDF but is none: it does not begin with %PDF-. Send the document itself.")
    if found is None and known in _KNOWN:
        raise Invalid(f"The file is called {known} but does not begin like one. Send it with the media type that it has.")
    if found is None or known == _UNKNOWN:
        if known.startswith("text/") and b"\x00" in head and not head.startswith(_BYTE_ORDER):
            raise Invalid(f"The file is called {known} but is no text. Send it with the media type that it has.")
        return found or known
    if known == found:
        return found
    if known.startswith(_WITHIN.get(found, ())) or (found == _XML and known.endswith("+xml")):
        return known
    raise Invalid(f"The file is called {known} but is {found}. Send it with the media type that it has.")


def ending(tail: bytes, chunk: bytes) -> bytes:
    """How a file ends after one more piece; of what it may be padded with, one byte is enough."""
    said = chunk.rstrip(_PADDING)
    return (tail.rstrip(_PADDING) + chunk[: len(said) + 1] if not said else tail + chunk[: len(said) + 1])[-TAIL:]


def check_pdf(tail: bytes) -> None:
    """Raises ``Invalid`` where a file ends as no PDF does."""
    if not _START_XREF.search(tail):
        raise Invalid("The file begins as a PDF but does not end as one: it is cut off. Send the whole document.")


def _found(head: bytes) -> str | None:
    plain = head.lstrip(b"\xef\xbb\xbf\r\n\t ")
    for magic, kind in _MAGIC:
        if plain.startswith(magic):
            return kind
    if plain.startswith(b"RIFF") and plain[8:12] == b"WEBP":
        return "image/webp"
    return "text/html" if _MARKUP.match(plain) else None
