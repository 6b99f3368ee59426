"""Repair of response heads, as far as a recipient may (RFC 9112), for a parser that knows the exact grammar only.

What is repaired: lines that end in a bare LF (2.2), blanks before a colon (5.1), folded values (5.2), control characters in
values, a length that is given several times alike (6.3), and transfer codings that are named again or do nothing (7). What
could hide where a message ends stays as it is, and is refused: different lengths, a length beside chunks, a NUL, a bare CR,
and a line that is no header.
"""

from __future__ import annotations

import re
from typing import Final

_END: Final = re.compile(rb"\n\r?\n")
_CONTROLS: Final = bytes(number for number in (*range(1, 32), 127) if number not in b"\t\r\n")
_BLANKS: Final = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_LENGTH: Final = b"content-length"
_CODING: Final = b"transfer-encoding"
_CHUNKED: Final = b"chunked"
_NO_CODING: Final = frozenset({b"", b"identity"})
_BEGINNING: Final = b"HTTP/"


class HeadRepair:
    """Collects what comes in and hands out each head when it is whole; what is behind the last one is the ``rest``."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0

    def put(self, data: bytes) -> bool:
        """Takes more. Whether it can still be a head."""
        self._data += data if self._data else data.lstrip(b"\r\n")
        return self._data.startswith(_BEGINNING[: len(self._data)])

    def take(self) -> bytes | None:
        """The next head, repaired; None where it is not whole yet."""
        end = _END.search(self._data, self._searched)
        if end is None:
            self._searched = max(0, len(self._data) - 2)
            return None
        head = bytes(self._data[: end.start()])
        del self._data[: end.end()]
        self._searched = 0
        return _repaired(head)

    def rest(self) -> bytes:
        """What came behind the heads that were taken."""
        return bytes(self._data)


def _repaired(head: bytes) -> bytes:
    first, *rest = head.translate(_BLANKS).split(b"\n")
    lines: list[bytearray] = []
    for line in rest:
        line = line.removesuffix(b"\r")
        if line[:1] in {b" ", b"\t"} and lines:
            lines[-1] += b" " + line.strip(b" \t")
        else:
            name, colon, value = line.partition(b":")
            lines.append(bytearray(name.rstrip(b" \t") + colon + value))
    return b"\r\n".join([first.removesuffix(b"\r"), *_one_coding(_one_length(lines)), b"", b""])


def is_plain_coding(value: bytes) -> bool:
    """Whether the parser reads a transfer coding as it is meant: it takes ``chunked`` for no coding with a blank behind it."""
    return value.lower() == _CHUNKED


def _one_coding(lines: list[bytearray]) -> list[bytearray]:
    """The lines with one list of transfer codings: chunks are named once, and last; what does nothing is left out."""
    named, others = _apart(lines, _CODING)
    codings = [bytes(coding.strip(b" \t")) for line in named for coding in line.partition(b":")[2].split(b",")]
    codings = [coding for coding in codings if coding.lower() not in _NO_CODING]
    while len(codings) > 1 and codings[-1].lower() == codings[-2].lower() == _CHUNKED:
        codings.pop()
    return [*others, bytearray(_CODING + b": " + b", ".join(codings))] if codings else others


def _one_length(lines: list[bytearray]) -> list[bytearray]:
    """The lines with one length, where all that are given are alike."""
    lengths, others = _apart(lines, _LENGTH)
    values = {bytes(value.strip(b" \t")) for line in lengths for value in line.partition(b":")[2].split(b",")}
    return lines if len(values) != 1 else [*others, bytearray(b"content-length: " + values.pop())]


def _apart(lines: list[bytearray], name: bytes) -> tuple[list[bytearray], list[bytearray]]:
    """The lines of one header, and all others."""
    named: list[bytearray] = []
    others: list[bytearray] = []
    for line in lines:
        (named if line.partition(b":")[0].lower() == name else others).append(line)
    return named, others
