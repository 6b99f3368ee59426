"""Repair of response heads, as far as a recipient may (RFC 9112), for a parser that knows the exact grammar only.

What is repaired: lines that end in a bare LF (2.2), folded values (5.2), control characters in values, and a length that is
given several times alike (6.3). What could hide where a message ends stays as it is, and is refused: different lengths, a
length beside chunks, a NUL, a bare CR, and a line that is no header.
"""

from __future__ import annotations

import re
from typing import Final

_END: Final = re.compile(rb"\n\r?\n")
_CONTROLS: Final = bytes(number for number in (*range(1, 32), 127) if number not in b"\t\r\n")
_BLANKS: Final = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_LENGTH: Final = b"content-length"
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
            lines.append(bytearray(line))
    return b"\r\n".join([first.removesuffix(b"\r"), *_one_length(lines), b"", b""])


def _one_length(lines: list[bytearray]) -> list[bytearray]:
    """The lines with one length, where all that are given are alike."""
    lengths: list[bytearray] = []
    others: list[bytearray] = []
    for line in lines:
        (lengths if line.partition(b":")[0].lower() == _LENGTH else others).append(line)
    values = {bytes(value.strip(b" \t")) for line in lengths for value in line.partition(b":")[2].split(b",")}
    return lines if len(values) != 1 else [*others, bytearray(b"content-length: " + values.pop())]
