"""Cursors of the event log: opaque to clients, a number to us."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence

from providers.errors import Invalid

_PREFIX = b"event:"
_LONGEST = 64
_HIGHEST = 2**63 - 1


def event_cursor(seq: int) -> str:
    """The cursor of the event with this number."""
    return urlsafe_b64encode(_PREFIX + str(seq).encode()).rstrip(b"=").decode()


def event_number(text: str | None, path: Sequence[str] = ("after",)) -> int | None:
    """The number that a cursor stands for. Raises ``Invalid`` for one that no gateway made."""
    if text is None:
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= _LONGEST else b""
        prefix, digits = raw[: len(_PREFIX)], raw[len(_PREFIX) :]
        if prefix == _PREFIX and digits.isdigit():
            return min(int(digits), _HIGHEST)
    except (Base64Error, ValueError):
        pass
    raise Invalid("This is no cursor of this gateway. Use one that it gave you, or none.", path=path)


def event_of(key: str, path: Sequence[str]) -> int:
    """The number in the id of an event. Raises ``Invalid``."""
    if key.isascii() and key.isdigit() and len(key) < len(str(_HIGHEST)):
        return int(key)
    raise Invalid("This is no id of this gateway. Use an id that it gave you.", path=path)
