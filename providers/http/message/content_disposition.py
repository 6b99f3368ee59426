"""Content-Disposition (RFC 6266): the file name that a response suggests.

Read in one pass and within a bound, as it comes from outside. ``filename*`` (RFC 8187) wins over ``filename``; a name in
numbered parts (RFC 2231) and one in encoded words (RFC 2047) are read too, as servers of mail libraries send them.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from quopri import decodestring
from typing import Final
from urllib.parse import unquote_to_bytes

_MOST_CHARACTERS: Final = 16_384
_MOST_PARAMETERS: Final = 100
_NAME_CHARACTERS: Final = 255
_CHARSETS: Final = frozenset({"", "utf-8", "utf8", "iso-8859-1", "latin1", "us-ascii", "ascii", "windows-1252", "iso-8859-15"})
"""Character sets that names are read in. The codecs of Python are more, and some are no character sets."""


def suggested_filename(header: str) -> str | None:
    """The last part of the path that a header of this value names, without what is not printable; None where it names none."""
    if len(header) > _MOST_CHARACTERS:
        return None
    given: dict[str, str] = {}
    for name, value in _parameters(header):
        given.setdefault(name, value)
        if len(given) > _MOST_PARAMETERS:
            return None
    return _base(_extended(given.get("filename*"))) or _base(_continued(given)) or _base(_plain(given.get("filename")))


def _parameters(header: str) -> Iterator[tuple[str, str]]:
    """Names in lower case, and values without quotes. What is no parameter, the type too, is passed over."""
    at = 0
    while at < len(header):
        equals, semicolon = header.find("=", at), header.find(";", at)
        if equals < 0 or -1 < semicolon < equals:
            at = semicolon + 1 if semicolon >= 0 else len(header)
            continue
        name = header[at:equals].strip().lower()
        at = equals + 1
        while at < len(header) and header[at] in " \t":
            at += 1
        if at < len(header) and header[at] == '"':
            value, at = _quoted(header, at + 1)
        else:
            end = header.find(";", at)
            end = len(header) if end < 0 else end
            value, at = header[at:end].strip(), end
        yield name, value


def _quoted(header: str, at: int) -> tuple[str, int]:
    """A quoted string from behind its first quote, and where it ends. A backslash before a letter is one of a path."""
    read: list[str] = []
    while at < len(header):
        char = header[at]
        if char == '"':
            return "".join(read), at + 1
        if char == "\\" and header[at + 1 : at + 2] in {'"', "\\"}:
            at += 1
        read.append(header[at])
        at += 1
    return "".join(read), at


def _extended(value: str | None) -> str | None:
    """RFC 8187: a character set, a language and percent-encoded bytes; those alone are taken for UTF-8."""
    if value is None:
        return None
    parts = value.split("'", 2)
    charset, encoded = (parts[0], parts[2]) if len(parts) == 3 else ("", value)
    return _decoded(unquote_to_bytes(encoded.encode("utf-8", "replace")), charset)


def _continued(given: Mapping[str, str]) -> str | None:
    """RFC 2231: the parts of a name in their order. The first says in which character set those are that end in an asterisk."""
    charset, read = "", bytearray()
    for number in range(_MOST_PARAMETERS):
        plain, encoded = given.get(f"filename*{number}"), given.get(f"filename*{number}*")
        if plain is not None:
            read += plain.encode("utf-8", "replace")
        elif encoded is not None:
            parts = encoded.split("'", 2)
            if number == 0 and len(parts) == 3:
                charset, encoded = parts[0], parts[2]
            read += unquote_to_bytes(encoded.encode("utf-8", "replace"))
        else:
            break
    return _decoded(bytes(read), charset) if read else None


def _plain(value: str | None) -> str | None:
    """A name as it is, or one in encoded words (RFC 2047)."""
    if value is None or not (value.startswith("=?") and value.endswith("?=")):
        return value
    words: list[str] = []
    for word in value.split():
        match word.split("?"):
            case ["=", charset, "b" | "B", text, "="]:
                try:
                    data = b64decode(text, validate=True)
                except (Base64Error, ValueError):
                    return value
            case ["=", charset, "q" | "Q", text, "="]:
                data = decodestring(text.encode("utf-8", "replace"), header=True)
            case _:
                return value
        read = _decoded(data, charset.partition("*")[0])
        if read is None:
            return value
        words.append(read)
    return "".join(words)


def _decoded(data: bytes, charset: str) -> str | None:
    charset = charset.strip().lower()
    if charset not in _CHARSETS:
        return None
    try:
        return data.decode(charset or "utf-8")
    except UnicodeDecodeError:
        return None


def _base(name: str | None) -> str | None:
    """The last part of a path, of at most 255 characters; None where nothing is left that could be a file."""
    if name is None:
        return None
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if char.isprintable()).strip()[:_NAME_CHARACTERS]
    return shown if shown.strip(". ") else None
