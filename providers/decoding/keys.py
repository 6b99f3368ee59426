"""Keys: the forms that a provider's identifiers have, checked before one becomes a part of an address."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,254}").fullmatch
_LONGEST_NUMBER: Final = 20
_ODD: Final = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]").search


def token(key: str) -> bool:
    """Whether a key is a word of unreserved characters (RFC 3986) that begins with a letter or a digit, as UUIDs do."""
    return _TOKEN(key) is not None


def number(key: str) -> bool:
    """Whether a key is a number as it is counted: ASCII digits, no sign, no zero before others."""
    return key.isascii() and key.isdigit() and len(key) <= _LONGEST_NUMBER and (key[0] != "0" or key == "0")


def segment_is_safe(key: str) -> bool:
    """Whether a key stays one segment of a path, also where something on the way decodes the path before it is parsed."""
    return key not in {"", ".", ".."} and _ODD(key) is None
