"""Secret strength: tells 32 random bytes from a placeholder or a phrase, by length, alphabet, words and entropy."""

from __future__ import annotations

import string
from base64 import urlsafe_b64decode
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from math import log2
from typing import Final

REMEDY: Final = "Write 32 random bytes: openssl rand -base64 32 makes them, each time others"
_HEX: Final = frozenset(string.hexdigits)
_PRINTABLE: Final = frozenset(string.printable.encode())
_BASE64: Final = frozenset(string.ascii_letters + string.digits + "+/-_=")
_BYTES, _HEX_LENGTH, _BASE64_LENGTH = 32, 64, 43
"""32 bytes, and their length in characters."""
_HEX_BITS, _BASE64_BITS = 3.2, 4.0
"""Minimum Shannon entropy of a character; the lowest of 100,000 random secrets had 3.4 and 4.2."""
_MAX_STEP_SHARE: Final = 0.35
"""Maximum share of equal steps between characters, as in an alphabet; the highest of the same secrets had 0.25."""
_REPEAT_LENGTH: Final = 10
_MIN_LETTERS: Final = 5
_PLACEHOLDERS: Final = (
    "change",
    "password",
    "secret",
    "example",
    "default",
    "letmein",
    "test",
    "webhook",
    "admin",
    "1234",
    "abc123",
    "qwert",
    "foobar",
    "hunter2",
    "whsec",
    "your",
)
_WORDS: Final = (
    "change-me",
    "changeme",
    "countersign",
    "default",
    "example",
    "gateway",
    "password",
    "secret",
    "letmein",
    "replace",
    "please",
    "insert",
    "random",
    "openssl",
    "sample",
    "qwerty",
    "qwertz",
    "asdfgh",
    "horse",
    "lorem",
    "ipsum",
    "deadbeef",
    "cafebabe",
    "31415926",
    "27182818",
)
"""Five letters at least: none stood in 100,000 random secrets."""
_DIGESTS: Final = frozenset(sha256(word.encode()).digest() for word in ("", "test", "admin", *_WORDS))
_LEET_DIGITS: Final = str.maketrans("4301578", "aeoistb")
"""Digits that are written for letters."""


def weakness(secret: str) -> str | None:
    """Why a secret could be guessed; None where it may be 32 random bytes in hexadecimal or base64."""
    letters = frozenset(secret)
    hexadecimal = letters <= _HEX
    if not secret:
        return "is empty"
    if len(secret) < (_HEX_LENGTH if hexadecimal else _BASE64_LENGTH):
        return "is shorter than 32 bytes"
    if not letters <= _BASE64 or "=" in secret.rstrip("="):
        return "is neither hexadecimal nor base64"
    decoded = bytes.fromhex(secret[: len(secret) // 2 * 2]) if hexadecimal else _decoded(secret)
    if len(decoded) < _BYTES:
        return "is shorter than 32 bytes"
    if _has_word(secret) or all(byte in _PRINTABLE for byte in decoded):
        return "is made of words"
    if _has_repeat(secret) or _entropy(secret) < (_HEX_BITS if hexadecimal else _BASE64_BITS):
        return "is not random"
    if decoded in _DIGESTS or any(_step_share(each) > _MAX_STEP_SHARE for each in (secret.encode(), decoded)):
        return "is not random"
    return None


def is_guessable(secret: str) -> bool:
    """Whether a secret is a placeholder, perhaps repeated or numbered, or has too few different letters.

    For secrets that providers may have chosen, such as those of webhooks, whose length is theirs to choose.
    """
    plain = "".join(filter(str.isalnum, secret.lower()))
    rest = plain
    for word in _PLACEHOLDERS:
        rest = rest.replace(word, "")
    return len(set(secret)) < _MIN_LETTERS or (len(rest) < _MIN_LETTERS and rest != plain)


def _has_word(secret: str) -> bool:
    """Whether it contains a word of a placeholder or phrase, perhaps with digits for letters."""
    plain = secret.lower()
    return any(word in text for text in (plain, plain.translate(_LEET_DIGITS)) for word in _WORDS)


def _has_repeat(text: str) -> bool:
    """Whether a part of it is repeated."""
    parts = [text[place : place + _REPEAT_LENGTH] for place in range(len(text) - _REPEAT_LENGTH + 1)]
    return len(set(parts)) < len(parts)


def _entropy(text: str) -> float:
    """Shannon entropy of one character, in bits."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * log2(share) for share in shares)


def _decoded(text: str) -> bytes:
    """The bytes of a base64 text, of either alphabet."""
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    return urlsafe_b64decode(plain[: len(plain) - (len(plain) % 4 == 1)] + "=" * (-len(plain) % 4))


def _step_share(text: bytes) -> float:
    """Share of the most frequent difference between neighbouring bytes."""
    steps = Counter(after - before for before, after in pairwise(text))
    return max(steps.values()) / len(text)
