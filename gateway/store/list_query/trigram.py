"""Groups of three characters, by which both databases find a part of a title without reading all titles."""

from __future__ import annotations

from typing import Final

from gateway.store.engine.datatype import Folded

GROUP: Final = 3
"""A part with fewer characters is in no group, and in most titles."""
_ENOUGH: Final = 48


def told(part: str) -> str:
    """As much of a part, spelled as it is kept, as tells it from others."""
    return Folded.spelled(part)[:_ENOUGH]


def groups(part: str) -> set[str]:
    """The groups of a part with as many characters, as PostgreSQL's ``trigrams`` makes them."""
    spelled = told(part)
    return {spelled[start : start + GROUP] for start in range(len(spelled) - GROUP + 1)}
