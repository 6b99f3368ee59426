"""Repair of malformed response heads, within what RFC 9112 allows a recipient, for a parser that knows the exact grammar only.

Repaired are lines that end in a bare LF (2.2), blanks before a colon (5.1), folded values (5.2), control characters in
values, a length that is given several times alike (6.3), and transfer codings that are repeated or do nothing (7). Whatever
could hide the end of a message is left, and refused by the parser: different lengths, a length beside chunks, a NUL, a bare
CR, and a line that is no header.
"""

from __future__ import annotations

import re
from typing import Final

_END: Final = re.compile(rb"\n\r?\n")
_CONTROLS: Final = bytes(number for number in (*range(1, 32), 127) if number not in b"\t\r\n")
_CONTROLS_TO_BLANKS: Final = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_LENGTH: Final = b"content-length"
_CODING: Final = b"transfer-encoding"
_CHUNKED: Final = b"chunked"
_NO_CODING: Final = frozenset({b"", b"identity"})
_PREFIX: Final = b"HTTP/"


class HeadRepair:
    """Buffers received data and returns each complete head repaired; what follows the last one is the ``rest``."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0

    def put(self, data: bytes) -> bool:
        """Buffers more data. False where it can be no response head."""
        self._data += data if self._data else data.lstrip(b"\r\n")
        return self._data.startswith(_PREFIX[: len(self._data)])

    def take(self) -> bytes | None:
        """The next head, repaired; None where it is incomplete."""
        end = _END.search(self._data, self._searched)
        if end is None:
            self._searched = max(0, len(self._data) - 2)
            return None
        head = bytes(self._data[: end.start()])
        del self._data[: end.end()]
        self._searched = 0
        return _repair(head)

    def rest(self) -> bytes:
        """The data that follows the heads that were taken."""
        return bytes(self._data)


def _repair(head: bytes) -> bytes:
    first, *rest = head.translate(_CONTROLS_TO_BLANKS).split(b"\n")
    lines: list[bytearray] = []
    for line in rest:
        line = line.removesuffix(b"\r")
        if line[:1] in {b" ", b"\t"} and lines:
            lines[-1] += b" " + line.strip(b" \t")
        else:
            name, colon, value = line.partition(b":")
            lines.append(bytearray(name.rstrip(b" \t") + colon + value))
    return b"\r\n".join([first.removesuffix(b"\r"), *_merge_codings(_merge_lengths(lines)), b"", b""])


def is_plain_coding(value: bytes) -> bool:
    """Whether the parser understands a transfer coding: it overlooks ``chunked`` with a blank behind it."""
    return value.lower() == _CHUNKED


def _merge_codings(lines: list[bytearray]) -> list[bytearray]:
    """Joins the transfer codings into one line; ``chunked`` is named once, ``identity`` is left out."""
    named, others = _split_header(lines, _CODING)
    codings = [bytes(coding.strip(b" \t")) for line in named for coding in line.partition(b":")[2].split(b",")]
    codings = [coding for coding in codings if coding.lower() not in _NO_CODING]
    while len(codings) > 1 and codings[-1].lower() == codings[-2].lower() == _CHUNKED:
        codings.pop()
    return [*others, bytearray(_CODING + b": " + b", ".join(codings))] if codings else others


def _merge_lengths(lines: list[bytearray]) -> list[bytearray]:
    """Joins repeated lengths into one line where all are equal."""
    lengths, others = _split_header(lines, _LENGTH)
    values = {bytes(value.strip(b" \t")) for line in lengths for value in line.partition(b":")[2].split(b",")}
    return lines if len(values) != 1 else [*others, bytearray(b"content-length: " + values.pop())]


def _split_header(lines: list[bytearray], name: bytes) -> tuple[list[bytearray], list[bytearray]]:
    """The lines of one header, and all others."""
    named: list[bytearray] = []
    others: list[bytearray] = []
    for line in lines:
        (named if line.partition(b":")[0].lower() == name else others).append(line)
    return named, others
