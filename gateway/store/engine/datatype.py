"""How values are kept, alike in every database."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
_SPELLED = re.compile("\x01[\x01\x02]")


class Instant(TypeDecorator[datetime]):
    """An aware UTC time as microseconds since 1970: sorts and compares alike in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else EPOCH + value * MICROSECOND


class Words(TypeDecorator[str]):
    """Any text at all. PostgreSQL keeps no NUL, so that there it is spelled in two characters, which sort as it does."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        return value if value is None or dialect.name != "postgresql" else self.spelled(value)

    @staticmethod
    def spelled(value: str) -> str:
        """As PostgreSQL keeps it."""
        return value.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """From the database."""
        return value if value is None or dialect.name != "postgresql" else _unspelled(value)


class Folded(Words):
    """A text as it is searched: spelled in every database, as what SQLite indexes of a text ends with a NUL."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        return value if value is None else self.spelled(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """From the database."""
        return value if value is None else _unspelled(value)


def _unspelled(value: str) -> str:
    return _SPELLED.sub(lambda found: "\x00" if found[0] == "\x01\x01" else "\x01", value) if "\x01" in value else value
