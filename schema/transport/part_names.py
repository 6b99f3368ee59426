"""Names of the parts of a form, in their ``Content-Disposition`` (RFC 7578, 4.2), as clients of every kind write them.

Names of files are read in UTF-8, as ``filename*`` (RFC 8187), or as encoded words (RFC 2047), which is how .NET sends what
is not ASCII.
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
    """The name of a part, and that of its file where it is one."""

    name: str | None
    filename: str | None


def part_names(disposition: bytes) -> PartNames:
    """What a part is called, and the name of its file."""
    kind = ""
    given: dict[str, str] = {}
    for place, segment in enumerate(_segments(_text(disposition))):
        name, equals, value = segment.partition("=")
        if place == 0:
            kind = segment.strip().lower()
        elif equals:
            given.setdefault(name.strip().lower(), value.strip())
    if kind != "form-data":
        return PartNames(None, None)
    return PartNames(_named(given, "name"), _named(given, "filename"))


def _named(given: dict[str, str], name: str) -> str | None:
    """A parameter: as its extended form says, where that can be read, else as its plain one does."""
    extended = _extended(given.get(f"{name}*", ""))
    if extended is not None:
        return extended
    plain = given.get(name)
    return None if plain is None else _words(_unquoted(plain))


def _segments(header: str) -> Iterator[str]:
    """What stands between semicolons, but for those within quotes."""
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
    """A quoted string as it is meant. A backslash stays where it stands before anything else than a quote or another."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def _extended(value: str) -> str | None:
    """A value with its character set and in percent-encoding (RFC 8187)."""
    charset, _, rest = value.partition("'")
    _, apostrophe, text = rest.partition("'")
    return _decoded(unquote_to_bytes(text), charset) if apostrophe else None


def _words(text: str) -> str:
    """A text whose encoded words (RFC 2047) are decoded; any other stays as it is."""
    if not text.startswith("=?"):
        return text
    found = [_word(word) for word in text.split()]
    return text if None in found else "".join(filter(None, found))


def _word(word: str) -> str | None:
    if len(word) < 4 or not (word.startswith("=?") and word.endswith("?=")):
        return None
    parts = word[2:-2].split("?", 2)
    if len(parts) != 3:
        return None
    charset, encoding, text = parts
    with suppress(ValueError):
        if encoding in {"B", "b"}:
            return _decoded(b64decode(text, validate=True), charset.partition("*")[0])
        if encoding in {"Q", "q"}:
            return _decoded(a2b_qp(text, header=True), charset.partition("*")[0])
    return None


def _text(header: bytes) -> str:
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")


def _decoded(content: bytes, charset: str) -> str | None:
    with suppress(UnicodeDecodeError):
        return content.decode(charset) if charset.lower() in _CHARSETS else None
    return None
