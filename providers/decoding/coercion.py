"""Coercion of untrusted numbers and times: bounded before conversion; None for anything malformed.

A number of 400 digits raises ``OverflowError`` in a float, a ``timedelta`` or a ``datetime``, and one of ten digits does not
fit a GraphQL Int. Some servers write numbers as text.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Final

MAX_INT32: Final = 2**31 - 1
"""The largest Int of GraphQL."""
MAX_SECONDS: Final = 10 * 366 * 86_400.0
"""Ten years: beyond any delay or lifetime that is meant."""
_NUMBER: Final = re.compile(r"[0-9]{1,12}+(?:\.[0-9]{1,12}+)?+")
_LONG_NUMBER: Final = re.compile(r"[0-9]{13,5000}+(?:\.[0-9]{1,12}+)?+")


def parse_count(value: object) -> int | None:
    """A count within a GraphQL Int, also from text."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INT32 else None


def parse_seconds(value: object) -> float | None:
    """A duration in seconds, also from text; one of more than ten years is cut to that."""
    if isinstance(value, str):
        value = value.strip()
        if _LONG_NUMBER.fullmatch(value):
            return MAX_SECONDS
        value = float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return float(min(value, MAX_SECONDS))


def parse_instant(value: object) -> datetime | None:
    """An instant in ISO 8601, in UTC where it has no zone.

    The first and the last year of the calendar count as malformed: .NET writes ``0001-01-01T00:00:00`` for a time that was
    never set, and arithmetic around them overflows.
    """
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if not MINYEAR < at.year < MAXYEAR:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
