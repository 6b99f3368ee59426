"""Case folding: texts as they are searched, the same for every spelling of the same letters.

A file system of Apple's and many input methods write ü as two characters, others as one; both look alike, and so do the
ligatures and wide letters that compatibility decomposition (Unicode, UAX 15) makes plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from unicodedata import normalize

_PIECE: Final = 256
_LONGEST_PIECE: Final = 1_024
"""Characters that are normalized at a time: putting marks in order takes the square of how many stand together."""


def folded(text: str) -> str:
    """A text without case, in compatibility composition: part of a title's folding is found in the folding of the title."""
    if text.isascii():
        return text.lower()
    return "".join(map(_folded, _pieces(text)))


def _folded(piece: str) -> str:
    """As NFKC_Casefold has it (Unicode, D146), but composed."""
    return normalize("NFKC", normalize("NFKD", normalize("NFD", piece).casefold()).casefold())


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that end before an ASCII character, which nothing is composed with, if there is one in reach."""
    start = 0
    while start < len(text):
        end = start + _PIECE
        while end < min(len(text), start + _LONGEST_PIECE) and not text[end].isascii():
            end += 1
        yield text[start:end]
        start = end
