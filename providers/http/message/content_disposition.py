"""Content-Disposition (RFC 6266): the file name that a response suggests.

Parsed in one pass and within a bound, as it comes from outside. ``filename*`` (RFC 8187) wins over ``filename``; a name in
numbered parts (RFC 2231) and one in encoded words (RFC 2047) are decoded too: servers built on mail libraries send them.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from quopri import decodestring
from typing import Final
from urllib.parse import unquote_to_bytes

_MAX_CHARACTERS: Final = 16_384
_MAX_PARAMETERS: Final = 100
_MAX_NAME_CHARACTERS: Final = 255
_CHARSETS: Final = frozenset({"", "utf-8", "utf8", "iso-8859-1", "latin1", "us-ascii", "ascii", "windows-1252", "iso-8859-15"})
"""Character sets of names. Python has more codecs, and some are no character sets."""


def suggested_filename(header: str) -> str | None:
    """The suggested file name without its path and unprintable characters; None where the header suggests none."""
    if len(header) > _MAX_CHARACTERS:
        return None
    parameters: dict[str, str] = {}
    for name, value in _parameters(header):
        parameters.setdefault(name, value)
        if len(parameters) > _MAX_PARAMETERS:
            return None
    return (
        _base_name(_decode_extended(parameters.get("filename*")))
        or _base_name(_join_continuations(parameters))
        or _base_name(_decode_words(parameters.get("filename")))
    )


def _parameters(header: str) -> Iterator[tuple[str, str]]:
    """The parameters: names in lower case, values unquoted. Anything else, as the disposition type, is skipped."""
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
            value, at = _unquote(header, at + 1)
        else:
            end = header.find(";", at)
            end = len(header) if end < 0 else end
            value, at = header[at:end].strip(), end
        yield name, value


def _unquote(header: str, at: int) -> tuple[str, int]:
    """A quoted string from after its opening quote, and its end. A backslash before a letter belongs to a path."""
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


def _decode_extended(value: str | None) -> str | None:
    """RFC 8187: character set, language and percent-encoded bytes; bytes alone are taken for UTF-8."""
    if value is None:
        return None
    parts = value.split("'", 2)
    charset, encoded = (parts[0], parts[2]) if len(parts) == 3 else ("", value)
    return _decode(unquote_to_bytes(encoded.encode("utf-8", "replace")), charset)


def _join_continuations(parameters: Mapping[str, str]) -> str | None:
    """RFC 2231: a name in numbered parts. The first has the character set of those that end in an asterisk."""
    charset, read = "", bytearray()
    for number in range(_MAX_PARAMETERS):
        plain, encoded = parameters.get(f"filename*{number}"), parameters.get(f"filename*{number}*")
        if plain is not None:
            read += plain.encode("utf-8", "replace")
        elif encoded is not None:
            parts = encoded.split("'", 2)
            if number == 0 and len(parts) == 3:
                charset, encoded = parts[0], parts[2]
            read += unquote_to_bytes(encoded.encode("utf-8", "replace"))
        else:
            break
    return _decode(bytes(read), charset) if read else None


def _decode_words(value: str | None) -> str | None:
    """A name as it is, or decoded from encoded words (RFC 2047)."""
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
        read = _decode(data, charset.partition("*")[0])
        if read is None:
            return value
        words.append(read)
    return "".join(words)


def _decode(data: bytes, charset: str) -> str | None:
    charset = charset.strip().lower()
    if charset not in _CHARSETS:
        return None
    try:
        return data.decode(charset or "utf-8")
    except UnicodeDecodeError:
        return None


def _base_name(name: str | None) -> str | None:
    """The last segment of a path, cut to 255 characters; None where nothing is left that could name a file."""
    if name is None:
        return None
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if char.isprintable()).strip()[:_MAX_NAME_CHARACTERS]
    return shown if shown.strip(". ") else None
