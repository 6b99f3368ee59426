"""Column types: instants, NUL-safe text and folded text, which sort and compare alike on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
_ESCAPED = re.compile("\x01[\x01\x02]")
E = TypeVar("E", bound=StrEnum)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Encodes a time for the database."""
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Decodes a time of the database."""
        return None if value is None else EPOCH + value * MICROSECOND


class AnyText(TypeDecorator[str]):
    """Text that may contain NUL. PostgreSQL stores none, so that NUL is escaped there to two characters that sort alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escapes a text for PostgreSQL."""
        return value if value is None or dialect.name != "postgresql" else self.escape(value)

    @staticmethod
    def escape(value: str) -> str:
        """A text as PostgreSQL stores it."""
        return value.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Restores a text that PostgreSQL stored."""
        return value if value is None or dialect.name != "postgresql" else _unescape(value)


class FoldedText(AnyText):
    """Case-folded text for searches. It is escaped in SQLite too, whose trigram index ends a text at its first NUL."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escapes a text for either database."""
        return value if value is None else self.escape(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Restores a text of either database."""
        return value if value is None else _unescape(value)


def parse_enum(members: type[E], value: str, default: E) -> E:
    """The member with a stored value; the default for one that only a newer build has."""
    try:
        return members(value)
    except ValueError:
        return default


def _unescape(value: str) -> str:
    return _ESCAPED.sub(lambda match: "\x00" if match[0] == "\x01\x01" else "\x01", value) if "\x01" in value else value
