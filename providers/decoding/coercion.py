"""Coercion of foreign numbers and times: bounded before they are converted, and None for what is none.

A number of 400 digits ends a float, a ``timedelta`` or a ``datetime`` in an ``OverflowError``, and one of ten digits an
Int of GraphQL. Some servers write numbers as text.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Final

MAX_INT32: Final = 2**31 - 1
"""The largest Int of GraphQL."""
MAX_SECONDS: Final = 10 * 366 * 86_400.0
"""Ten years: for so long nothing is waited for, and nothing is held to be good."""
_NUMBER: Final = re.compile(r"[0-9]{1,12}+(?:\.[0-9]{1,12}+)?+")
_LONG_NUMBER: Final = re.compile(r"[0-9]{13,5000}+(?:\.[0-9]{1,12}+)?+")


def parse_count(value: object) -> int | None:
    """A number of things, also where it is written as text."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INT32 else None


def parse_seconds(value: object) -> float | None:
    """A length of time of at most ten years, also where it is written as text; a longer one is cut to that."""
    if isinstance(value, str):
        value = value.strip()
        if _LONG_NUMBER.fullmatch(value):
            return MAX_SECONDS
        value = float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return float(min(value, MAX_SECONDS))


def parse_instant(value: object) -> datetime | None:
    """An instant in ISO 8601, read as UTC where it names no zone.

    The first and the last year of the calendar stand for no time at all, as .NET's ``0001-01-01T00:00:00`` does for one
    that was never set: there is no room to compute around them.
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
