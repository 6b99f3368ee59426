"""Assertion that a provider's own messages are in an error's ``detail``, and never in its message."""

from __future__ import annotations

from collections.abc import Callable

from providers.errors import SigningError


def withheld(words: str) -> Callable[[SigningError], bool]:
    """A check of an error: its ``detail`` has the provider's words, and its message, which is shown, does not."""
    return lambda error: words in (error.detail or "") and words.lower() not in error.message.lower()
