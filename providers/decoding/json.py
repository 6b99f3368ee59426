"""Decoding of untrusted JSON: malformed input raises one group of exceptions, and rows of lists are decoded one by one.

A parser stops at the first invalid character: half a surrogate pair in one title made a whole list unreadable. So a page
is decoded with its rows left raw; where even that fails, the rows are split by brackets and quotation marks alone, and
each is decoded by itself.
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
"""The exceptions for a body that is no JSON, or does not match its model."""
_SPLIT_BYTES: Final = 2**20
"""Longer bodies are not split: as many brackets and commas take half a second."""
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]++|[\]}]++|,', re.DOTALL)
_OPENING: Final = b"[{"
_CLOSING: Final = b"]}"
_ESCAPED_NUL: Final = rb"\u0000"
_ESCAPE: Final = re.compile(rb"\\(?:u0000|.)", re.DOTALL)
_MAX_KEY: Final = 200
_MAX_DROPPED: Final = 20
_MAX_DISPLAY_DEPTH: Final = 100
"""The response around it is nested as well, and its encoder ends at 254."""
_PLACE: Final = re.compile(r"at `\$((?:\.[A-Za-z_]\w*|\[\d+\])++)`$")
_STEP: Final = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")
_ABOUT_TYPES = ("Expected `", "Object missing required field")
"""Beginnings of msgspec's messages that quote none of the input."""


class _TooDeep(msgspec.DecodeError):
    """JSON that is nested deeper than the stack."""


def decode(body: bytes, into: type[T]) -> T:
    """Decodes a body into a wire model. Raises one of ``MALFORMED``, for deep nesting too.

    A NUL becomes U+FFFD: JSON can write one, PostgreSQL cannot keep it.
    """
    if not body.isascii():
        body.decode()  # members that no model has are skipped unread, and shown with the native payload
    if _ESCAPED_NUL in body:
        body = _ESCAPE.sub(_without_nul, body)
    try:
        return cast(T, _decoder(cast(Hashable, into)).decode(body))
    except RecursionError:
        raise _TooDeep("It is nested too deep") from None


def decode_page(body: bytes, into: type[T], *path: str) -> T:
    """Decodes a body into a model whose list at ``path`` has ``msgspec.Raw`` for rows. Raises one of ``MALFORMED``.

    Where it cannot be decoded as a whole, that list is decoded alone, as if everything beside it were missing.
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
    """Decodes a body into a model without the members and items that do not match it, with the reason for each.

    Raises one of ``MALFORMED`` where the rest does not match either, or where too many were dropped.
    """
    try:
        return decode(body, into), ()
    except msgspec.ValidationError as error:
        dropped: list[str] = []
        value, last = decode(body, cast(type[object], Any)), error
        while len(dropped) < _MAX_DROPPED and _drop(value, last):
            dropped.append(decode_error_reason(last))
            try:
                return msgspec.convert(value, into), tuple(dropped)
            except msgspec.ValidationError as further:
                last = further
        raise


def displayable(raw: bytes) -> object:
    """A payload for display: as JSON, or as text where it is malformed or nested too deep for a response."""
    try:
        value = decode(raw, cast(type[object], Any))
    except MALFORMED:
        return raw.decode(errors="replace")
    return value if _depth(value) <= _MAX_DISPLAY_DEPTH else raw.decode(errors="replace")


def decode_rows(rows: Iterable[bytes], read: Callable[[bytes], T], *, key: str = "id") -> tuple[list[T], list[UnreadableRow]]:
    """Decodes each row by itself. Those that cannot be read are named by their member ``key``."""
    decoded: list[T] = []
    unreadable: list[UnreadableRow] = []
    for row in rows:
        try:
            decoded.append(read(row))
        except MALFORMED as error:
            unreadable.append(UnreadableRow(_key(row, key), decode_error_reason(error)))
    return decoded, unreadable


def decode_error_reason(error: Exception) -> str:
    """The reason why a payload cannot be decoded, without quoting it."""
    if isinstance(error, UnicodeDecodeError):
        return "It is not text in UTF-8."
    if isinstance(error, msgspec.ValidationError):
        return f"{mismatch(error).rstrip('.')}."
    if isinstance(error, _TooDeep):
        return f"{str(error).rstrip('.')}."
    return "It is no valid JSON, or holds half of a character."


def mismatch(error: msgspec.ValidationError) -> str:
    """The mismatch by types and places alone: a value may be personal data."""
    message = str(error)
    if message.startswith(_ABOUT_TYPES):
        return message
    _, at, place = message.rpartition(" - at ")
    return f"Unexpected value{at}{place if at else ''}"


@cache
def _decoder(into: Hashable) -> msgspec.json.Decoder[object]:
    return msgspec.json.Decoder(cast(type[object], into))


def _without_nul(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if match[0] == _ESCAPED_NUL else match[0]


def _key(row: bytes, name: str) -> str | None:
    """The key of a row that cannot be decoded: the first member of this name that is a plain string or a number."""
    match = re.search(rb'"%s"\s{0,9}:\s{0,9}(?:"([^"\\]{1,%d}+)"|(\d{1,20}+))' % (name.encode(), _MAX_KEY), row)
    return (match[1] or match[2]).decode(errors="replace") if match else None


def _drop(value: object, error: msgspec.ValidationError) -> bool:
    """Removes the place of an error from a decoded value; False where it is the whole value."""
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
    """The nesting depth of a value, counted without recursion."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [item for items in inner for item in items]
    return depth


def _split(body: bytes, path: Sequence[str]) -> list[bytes] | None:
    """Splits the list at ``path`` by brackets and quotation marks; None where there is no such list."""
    names = [b'"%s"' % name.encode() for name in path]
    level, depth, matched = len(names), 0, 0
    begin: int | None = None
    rows: list[bytes] = []
    for token in _TOKEN.finditer(body):
        text = token[0]
        if text[0] in _OPENING:
            if begin is None and matched == level and depth == level and text[:1] == b"[":
                begin = token.start() + 1
            depth += len(text)
        elif text[0] in _CLOSING:
            if begin is not None and depth - len(text) <= level:
                last = body[begin : token.start() + depth - level - 1].strip()
                return [*rows, last] if last else rows
            depth -= len(text)
            matched = max(0, min(matched, depth - 1))
        elif begin is not None:
            if text == b"," and depth == level + 1:
                rows.append(body[begin : token.start()].strip())
                begin = token.end()
        elif matched < level and depth == matched + 1 and text == names[matched]:
            matched += 1
    return None
