"""Secrets of the operator's own: whether one could have been made of 32 random bytes, or is a placeholder or a phrase."""

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
"""32 bytes, and the characters that they take."""
_HEX_BITS, _BASE64_BITS = 3.2, 4.0
"""Least Shannon entropy of a character: less was not seen in 100,000 random secrets of that length (3.4 and 4.2)."""
_MOST_STEPS: Final = 0.35
"""The part of a text that may go on in equal steps, as an alphabet does; at most 0.25 in the same secrets."""
_REPEATED: Final = 10
_FEWEST_LETTERS: Final = 5
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
_FIGURES: Final = str.maketrans("4301578", "aeoistb")
"""Figures that are written for letters."""


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
    if _worded(secret) or all(byte in _PRINTABLE for byte in decoded):
        return "is made of words"
    if _repeats(secret) or _bits(secret) < (_HEX_BITS if hexadecimal else _BASE64_BITS):
        return "is not random"
    if decoded in _DIGESTS or any(_steps(each) > _MOST_STEPS for each in (secret.encode(), decoded)):
        return "is not random"
    return None


def guessable(secret: str) -> bool:
    """Whether a secret is a placeholder, perhaps repeated or numbered, or has too few different letters.

    For secrets that others may have chosen, as those of webhooks: how long one has to be is theirs to say.
    """
    plain = "".join(filter(str.isalnum, secret.lower()))
    rest = plain
    for word in _PLACEHOLDERS:
        rest = rest.replace(word, "")
    return len(set(secret)) < _FEWEST_LETTERS or (len(rest) < _FEWEST_LETTERS and rest != plain)


def _worded(secret: str) -> bool:
    """Whether a word of a placeholder or of a phrase is in it, perhaps with figures for letters."""
    plain = secret.lower()
    return any(word in text for text in (plain, plain.translate(_FIGURES)) for word in _WORDS)


def _repeats(text: str) -> bool:
    """Whether a part of it comes twice."""
    parts = [text[place : place + _REPEATED] for place in range(len(text) - _REPEATED + 1)]
    return len(set(parts)) < len(parts)


def _bits(text: str) -> float:
    """Shannon entropy of one character, in bits."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * log2(share) for share in shares)


def _decoded(text: str) -> bytes:
    """What a text says where it is read as base64, of either alphabet."""
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    return urlsafe_b64decode(plain[: len(plain) - (len(plain) % 4 == 1)] + "=" * (-len(plain) % 4))


def _steps(text: bytes) -> float:
    """How much of it goes from one byte to the next by the most frequent step."""
    steps = Counter(after - before for before, after in pairwise(text))
    return max(steps.values()) / len(text)
