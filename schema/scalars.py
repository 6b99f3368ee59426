"""Custom scalars: DateTime, Duration and JSON, and the Python type of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NewType, Self, TypeGuard

import isodate
import strawberry
from strawberry.types.scalar import ScalarDefinition

from providers.decoding.json import displayable
from providers.errors import Invalid


class Duration(timedelta):
    """Duration with its ISO 8601 text: to an archive, a year is not 365 days."""

    text: str

    @classmethod
    def of(cls, span: timedelta, text: str) -> Self:
        """A duration of this length, written like this."""
        duration = cls(days=span.days, seconds=span.seconds, microseconds=span.microseconds)
        duration.text = text
        return duration


Json = NewType("Json", object)


def _plain(value: object) -> TypeGuard[str]:
    """Whether a text has printable ASCII alone: isodate accepts a line feed at the end, and passes it on."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _parse_datetime(value: object) -> datetime:
    try:
        parsed = datetime.fromisoformat(value) if _plain(value) else None
        if parsed is not None and parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid("A time is written like 2026-05-01T12:00:00Z.")


def _parse_duration(value: object) -> Duration:
    try:
        parsed = isodate.parse_duration(value) if _plain(value) else None
        if isinstance(parsed, isodate.Duration):
            parsed = timedelta(days=int(parsed.years) * 365 + int(parsed.months) * 30) + parsed.tdelta
    except (isodate.ISO8601Error, ArithmeticError, ValueError):
        parsed = None
    if not isinstance(parsed, timedelta) or parsed < timedelta(0):
        raise Invalid("A duration is written like PT10M or P1Y.")
    return Duration.of(parsed, str(value))


def _serialize_datetime(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _serialize_duration(value: timedelta | str) -> str:
    return value if isinstance(value, str) else str(isodate.duration_isoformat(value))


def _serialize_json(value: object) -> object:
    return displayable(value) if isinstance(value, bytes) else value


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="RFC 3339, UTC.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    serialize=_serialize_datetime,
    parse_value=_parse_datetime,
)
DURATION = strawberry.scalar(
    name="Duration",
    description="ISO 8601 duration, for example PT10M or P1Y.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#appendix-A",
    serialize=_serialize_duration,
    parse_value=_parse_duration,
)
JSON = strawberry.scalar(
    name="JSON",
    description="Any JSON value.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    serialize=_serialize_json,
    parse_value=lambda value: value,
)

SCALARS: Mapping[object, ScalarDefinition] = {datetime: DATE_TIME, Duration: DURATION, Json: JSON}
"""The scalar of each Python type."""
