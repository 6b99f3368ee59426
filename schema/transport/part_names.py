"""Content-Disposition of form parts (RFC 7578, 4.2): the names of a part and of its file, in every encoding clients use.

File names come in UTF-8, as ``filename*`` (RFC 8187), or as encoded words (RFC 2047), in which .NET sends what is not ASCII.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import a2b_qp
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

_CHARSETS: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})


class PartNames(NamedTuple):
    """The name of a part, and of its file where it has one."""

    name: str | None
    filename: str | None


def part_names(disposition: bytes) -> PartNames:
    """Parses the header's value."""
    kind = ""
    parameters: dict[str, str] = {}
    for place, segment in enumerate(_segments(_text(disposition))):
        name, equals, value = segment.partition("=")
        if place == 0:
            kind = segment.strip().lower()
        elif equals:
            parameters.setdefault(name.strip().lower(), value.strip())
    if kind != "form-data":
        return PartNames(None, None)
    return PartNames(_parameter(parameters, "name"), _parameter(parameters, "filename"))


def _parameter(parameters: dict[str, str], name: str) -> str | None:
    """A parameter's value: of its extended form where that can be decoded, else of its plain one."""
    extended = _extended(parameters.get(f"{name}*", ""))
    if extended is not None:
        return extended
    plain = parameters.get(name)
    return None if plain is None else _decode_encoded_words(_unquoted(plain))


def _segments(header: str) -> Iterator[str]:
    """The header's segments between semicolons, but for those within quotes."""
    begin, quoted, escaped = 0, False, False
    for place, each in enumerate(header):
        if escaped:
            escaped = False
        elif quoted and each == "\\":
            escaped = True
        elif each == '"':
            quoted = not quoted
        elif each == ";" and not quoted:
            yield header[begin:place]
            begin = place + 1
    yield header[begin:]


def _unquoted(value: str) -> str:
    """The value of a quoted string. A backslash is kept unless it stands before a quote or another backslash."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def _extended(value: str) -> str | None:
    """A value with its character set and in percent-encoding (RFC 8187)."""
    charset, _, rest = value.partition("'")
    _, apostrophe, text = rest.partition("'")
    return _decode(unquote_to_bytes(text), charset) if apostrophe else None


def _decode_encoded_words(text: str) -> str:
    """Decodes a text of encoded words (RFC 2047); any other is returned as it is."""
    if not text.startswith("=?"):
        return text
    words = [_decode_encoded_word(word) for word in text.split()]
    return text if None in words else "".join(filter(None, words))


def _decode_encoded_word(word: str) -> str | None:
    if len(word) < 4 or not (word.startswith("=?") and word.endswith("?=")):
        return None
    parts = word[2:-2].split("?", 2)
    if len(parts) != 3:
        return None
    charset, encoding, text = parts
    with suppress(ValueError):
        if encoding in {"B", "b"}:
            return _decode(b64decode(text, validate=True), charset.partition("*")[0])
        if encoding in {"Q", "q"}:
            return _decode(a2b_qp(text, header=True), charset.partition("*")[0])
    return None


def _text(header: bytes) -> str:
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")


def _decode(content: bytes, charset: str) -> str | None:
    with suppress(UnicodeDecodeError):
        return content.decode(charset) if charset.lower() in _CHARSETS else None
    return None
