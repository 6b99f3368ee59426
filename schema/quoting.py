"""Quoting: the part of a request that an error repeats is cut to a bounded length, and what no reader would see is escaped.

graphql-core repeats names and values in full: a field of 900 kB that does not exist was an answer of 900 kB, and a name
that turns the direction of writing changed how a log showed the rest of its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

_WORD: Final = 100
_HEAD, _TAIL = 700, 200
"""Characters of a message that are kept from its two ends where it has more than both."""
_STEPS: Final = 32
"""Steps of a path at most: no input nests deeper."""
_CUT: Final = "…"


def quoted(message: str) -> str:
    """The message with long words cut, with at most about 900 characters, and with what cannot be printed escaped."""
    if len(message) > _HEAD + _TAIL:
        # Each end is cut on its own, so that what stands behind a long name is still said.
        message = f"{_shortened(message[: 2 * _HEAD])[:_HEAD]} {_CUT} {_shortened(message[-2 * _TAIL :])[-_TAIL:]}"
    elif len(message) > _WORD:
        message = _shortened(message)
    return _printable(message)


def quoted_path(path: Iterable[object]) -> list[str]:
    """The steps of a path, each as a short text, at most 32 of them."""
    return [_printable(_cut(str(step))) for _, step in zip(range(_STEPS), path, strict=False)]


def _shortened(text: str) -> str:
    return " ".join(map(_cut, text.split(" ")))


def _cut(word: str) -> str:
    return word if len(word) <= _WORD else f"{word[: _WORD - 1]}{_CUT}"


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(_escaped(text))


def _escaped(text: str) -> Iterator[str]:
    for each in text:
        if each.isprintable():
            yield each
        else:
            yield f"\\u{ord(each):04x}" if ord(each) <= 0xFFFF else f"\\U{ord(each):08x}"
