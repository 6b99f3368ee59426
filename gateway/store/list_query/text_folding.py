"""Text folding: case folding of titles, and the trigrams by which both databases index a folded title.

Apple's file systems and many input methods write ü as two characters, others as one; both look alike, and so do the
ligatures and wide letters that compatibility decomposition (Unicode, UAX 15) makes plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from unicodedata import normalize

from gateway.store.engine.datatype import FoldedText

TRIGRAM_LENGTH: Final = 3
"""A shorter part has no trigram, and is in most titles."""
_INDEXED_LENGTH: Final = 48
"""Characters of a part that are looked up: enough to tell it from others."""
_CHUNK: Final = 256
_MAX_CHUNK: Final = 1_024
"""Characters that are normalized at a time: reordering marks takes the square of how many stand together."""


def fold_case(text: str) -> str:
    """A text without case, in compatibility composition: the folding of a title contains the folding of its every part."""
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_chunk, _chunks(text)))


def indexed_part(part: str) -> str:
    """The beginning of a folded part, escaped as the index has it."""
    return FoldedText.escape(part)[:_INDEXED_LENGTH]


def trigrams(part: str) -> set[str]:
    """The trigrams of a folded part, as PostgreSQL's function of this name makes them."""
    escaped = indexed_part(part)
    return {escaped[start : start + TRIGRAM_LENGTH] for start in range(len(escaped) - TRIGRAM_LENGTH + 1)}


def _fold_chunk(chunk: str) -> str:
    """NFKC_Casefold (Unicode, D146), but composed."""
    return normalize("NFKC", normalize("NFKD", normalize("NFD", chunk).casefold()).casefold())


def _chunks(text: str) -> Iterator[str]:
    """Chunks that end before an ASCII character, which nothing composes with, where there is one in reach."""
    start = 0
    while start < len(text):
        end = start + _CHUNK
        while end < min(len(text), start + _MAX_CHUNK) and not text[end].isascii():
            end += 1
        yield text[start:end]
        start = end
