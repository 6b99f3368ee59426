"""Words of a provider: kept for adapters, withheld from everybody else."""

from __future__ import annotations

from collections.abc import Callable

from providers.errors import SigningError


def withheld(words: str) -> Callable[[SigningError], bool]:
    """A check of an error: its ``detail`` holds the provider's words, and its message, which is shown, does not."""
    return lambda error: words in (error.detail or "") and words.lower() not in error.message.lower()
