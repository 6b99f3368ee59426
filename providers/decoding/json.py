"""Decoding of foreign JSON: one exception for all that is wrong with it, and lists whose rows are decoded alone.

A parser stops at the first odd character, and with it everything around: half a surrogate pair in one title made a whole
list unreadable. So a page is decoded with its rows left raw; where even that fails, its rows are told apart by their
brackets and quotation marks alone, and each is decoded by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec

from providers.model import UnreadableRow

T = TypeVar("T")

MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError)
"""The exceptions for a body that is no JSON, or not of its model."""
_SPLIT_BYTES: Final = 2**20
"""Longer bodies are not split by hand: it takes half a second for as much of brackets and commas."""
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]++|[\]}]++|,', re.DOTALL)
_OPENING: Final = b"[{"
_CLOSING: Final = b"]}"
_ESCAPED_NUL: Final = rb"\u0000"
_ESCAPE: Final = re.compile(rb"\\(?:u0000|.)", re.DOTALL)
_LONGEST_KEY: Final = 200
_MOST_DROPPED: Final = 20
_DEEPEST_SHOWN: Final = 100
"""The answer around it is nested as well, and its encoder ends at 254."""
_PLACE: Final = re.compile(r"at `\$((?:\.[A-Za-z_]\w*|\[\d+\])++)`$")
_STEP: Final = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")
_ABOUT_TYPES = ("Expected `", "Object missing required field")
"""How what msgspec says begins where it repeats nothing of what was read."""


class _TooDeep(msgspec.DecodeError):
    """JSON that is nested deeper than the stack is."""


def decode(body: bytes, into: type[T]) -> T:
    """A body as a wire model. Raises one of ``MALFORMED`` for whatever is wrong with it, deep nesting included.

    A NUL becomes U+FFFD: JSON can write one, PostgreSQL cannot keep it.
    """
    if not body.isascii():
        body.decode()  # members that no model has are skipped unread, and are shown all the same
    if _ESCAPED_NUL in body:
        body = _ESCAPE.sub(_without_nul, body)
    try:
        return cast(T, _decoder(cast(Hashable, into)).decode(body))
    except RecursionError:
        raise _TooDeep("It is nested too deep") from None


def decode_page(body: bytes, into: type[T], *path: str) -> T:
    """A body as a model whose list at ``path`` has ``msgspec.Raw`` for rows. Raises one of ``MALFORMED``.

    Where it cannot be decoded as a whole, there is that list alone, and everything beside it as if it were missing.
    """
    try:
        return decode(body, into)
    except MALFORMED:
        rows = _split(body, path) if len(body) <= _SPLIT_BYTES else None
        if rows is None:
            raise
        inner: object = [msgspec.Raw(row) for row in rows]
        for name in reversed(path):
            inner = {name: inner}
        return msgspec.convert(inner, into)


def decode_parts(body: bytes, into: type[T]) -> tuple[T, tuple[str, ...]]:
    """A body as a model without the members and items that do not fit it, and why each was dropped.

    Raises one of ``MALFORMED`` where the rest is none either, or where more than a few do not fit.
    """
    try:
        return decode(body, into), ()
    except msgspec.ValidationError as error:
        dropped: list[str] = []
        value, last = decode(body, cast(type[object], Any)), error
        while len(dropped) < _MOST_DROPPED and _drop(value, last):
            dropped.append(decode_error_reason(last))
            try:
                return msgspec.convert(value, into), tuple(dropped)
            except msgspec.ValidationError as further:
                last = further
        raise


def displayable(raw: bytes) -> object:
    """A payload as it is shown: as JSON, or as the text that it is where an answer has no room for it."""
    try:
        value = decode(raw, cast(type[object], Any))
    except MALFORMED:
        return raw.decode(errors="replace")
    return value if _depth(value) <= _DEEPEST_SHOWN else raw.decode(errors="replace")


def decode_rows(rows: Iterable[bytes], read: Callable[[bytes], T], *, key: str = "id") -> tuple[list[T], list[UnreadableRow]]:
    """Each row by itself, and those that cannot be read by the member ``key`` of theirs."""
    found: list[T] = []
    unreadable: list[UnreadableRow] = []
    for row in rows:
        try:
            found.append(read(row))
        except MALFORMED as error:
            unreadable.append(UnreadableRow(_key(row, key), decode_error_reason(error)))
    return found, unreadable


def decode_error_reason(error: Exception) -> str:
    """The reason why something cannot be decoded, without any of what it says."""
    if isinstance(error, UnicodeDecodeError):
        return "It is not text in UTF-8."
    if isinstance(error, msgspec.ValidationError):
        return f"{mismatch(error).rstrip('.')}."
    if isinstance(error, _TooDeep):
        return f"{str(error).rstrip('.')}."
    return "It is no valid JSON, or holds half of a character."


def mismatch(error: msgspec.ValidationError) -> str:
    """How JSON differs from what was expected, by types and places: a value may be about a person."""
    words = str(error)
    if words.startswith(_ABOUT_TYPES):
        return words
    _, at, place = words.rpartition(" - at ")
    return f"Unexpected value{at}{place if at else ''}"


@cache
def _decoder(into: Hashable) -> msgspec.json.Decoder[object]:
    return msgspec.json.Decoder(cast(type[object], into))


def _without_nul(found: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if found[0] == _ESCAPED_NUL else found[0]


def _key(row: bytes, name: str) -> str | None:
    """The key of a row that cannot be decoded: the first member of this name that is a plain text or a number."""
    found = re.search(rb'"%s"\s{0,9}:\s{0,9}(?:"([^"\\]{1,%d}+)"|(\d{1,20}+))' % (name.encode(), _LONGEST_KEY), row)
    return (found[1] or found[2]).decode(errors="replace") if found else None


def _drop(value: object, error: msgspec.ValidationError) -> bool:
    """Removes what an error is about from a decoded value; False where it is about the whole."""
    place = _PLACE.search(str(error))
    steps = [name or int(number) for name, number in _STEP.findall(place[1])] if place else []
    if not steps:
        return False
    holder: Any = value
    for step in steps[:-1]:
        holder = holder[step]
    del holder[steps[-1]]
    return True


def _depth(value: object) -> int:
    """How deep a value is nested, told without recursion."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [item for items in inner for item in items]
    return depth


def _split(body: bytes, path: Sequence[str]) -> list[bytes] | None:
    """The items of the list at ``path``, told apart by brackets and quotation marks; None where there is no such list."""
    names = [b'"%s"' % name.encode() for name in path]
    level, depth, wanted = len(names), 0, 0
    begin: int | None = None
    rows: list[bytes] = []
    for token in _TOKEN.finditer(body):
        text = token[0]
        if text[0] in _OPENING:
            if begin is None and wanted == level and depth == level and text[:1] == b"[":
                begin = token.start() + 1
            depth += len(text)
        elif text[0] in _CLOSING:
            if begin is not None and depth - len(text) <= level:
                last = body[begin : token.start() + depth - level - 1].strip()
                return [*rows, last] if last else rows
            depth -= len(text)
            wanted = max(0, min(wanted, depth - 1))
        elif begin is not None:
            if text == b"," and depth == level + 1:
                rows.append(body[begin : token.start()].strip())
                begin = token.end()
        elif wanted < level and depth == wanted + 1 and text == names[wanted]:
            wanted += 1
    return None
