"""Content sniffing: the media type of a file by its first bytes; its name and declared type may narrow it, never change it."""

from __future__ import annotations

import re
from typing import Final

from providers.errors import Invalid

PDF: Final = "application/pdf"
HEAD: Final = 1024
"""Bytes at the beginning of a file that are sniffed."""
TAIL: Final = 2048
"""Bytes at its end, where a PDF has its last cross-reference."""
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
_SNIFFED_TYPES: Final = frozenset(kind for _, kind in _MAGIC)
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
_CONTAINED: Final = {
    _ZIP: ("application/vnd.", "application/epub+zip"),
    "application/x-ole-storage": ("application/vnd.ms-", "application/msword"),
    "image/tiff": ("image/",),
    _XML: ("text/xml", "image/svg+xml", "application/xhtml+xml"),
    "application/rtf": ("text/rtf",),
    "application/gzip": ("application/x-gzip",),
}
"""Prefixes of types whose files are containers of another type."""
_BYTE_ORDER: Final = (b"\xff\xfe", b"\xfe\xff")
_PADDING: Final = b" \t\r\n\f\0"
_START_XREF: Final = re.compile(rb"startxref\s+(\d{1,15})\s+%%EOF")


def sniff(head: bytes, filename: str | None, declared: str | None) -> str:
    """The media type of a file with this head. Raises ``Invalid`` where its name or declared type is another one."""
    media_type = (declared or "").partition(";")[0].strip().lower()
    named = media_type if _MEDIA_TYPE.fullmatch(media_type) else _UNKNOWN
    sniffed = _sniff_magic(head)
    if sniffed != PDF and ((filename or "").lower().endswith(".pdf") or named == PDF):
        raise Invalid("The file is called a PDF but is none: it does not begin with %PDF-. Send the document itself.")
    if sniffed is None and named in _SNIFFED_TYPES:
        raise Invalid(f"The file is called {named} but does not begin like one. Send it with the media type that it has.")
    if sniffed is None or named == _UNKNOWN:
        if named.startswith("text/") and b"\x00" in head and not head.startswith(_BYTE_ORDER):
            raise Invalid(f"The file is called {named} but is no text. Send it with the media type that it has.")
        return sniffed or named
    if named == sniffed:
        return sniffed
    if named.startswith(_CONTAINED.get(sniffed, ())) or (sniffed == _XML and named.endswith("+xml")):
        return named
    raise Invalid(f"The file is called {named} but is {sniffed}. Send it with the media type that it has.")


def append_tail(tail: bytes, chunk: bytes) -> bytes:
    """The tail of a file after one more chunk; of padding behind the last content, one byte is kept."""
    content = chunk.rstrip(_PADDING)
    return (tail.rstrip(_PADDING) + chunk[: len(content) + 1] if not content else tail + chunk[: len(content) + 1])[-TAIL:]


def require_whole_pdf(tail: bytes) -> None:
    """Raises ``Invalid`` where a file does not end as a PDF: it is truncated."""
    if not _START_XREF.search(tail):
        raise Invalid("The file begins as a PDF but does not end as one: it is cut off. Send the whole document.")


def _sniff_magic(head: bytes) -> str | None:
    plain = head.lstrip(b"\xef\xbb\xbf\r\n\t ")
    for magic, kind in _MAGIC:
        if plain.startswith(magic):
            return kind
    if plain.startswith(b"RIFF") and plain[8:12] == b"WEBP":
        return "image/webp"
    return "text/html" if _MARKUP.match(plain) else None
