"""How frequent the groups of characters of titles are, as PostgreSQL has counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.list_query.trigram import groups
from providers.clock import Clock

_SECONDS: Final = 60.0
"""How long it is taken for what it still is. PostgreSQL itself does not count more often."""
_UNKNOWN: Final = 0.01
_FREQUENT: Final = 1 / 30
"""Where every so manieth has it, reading on until enough have it costs less than putting a span in order."""
_BALANCE: Final = 25
"""Where both ways cost the same: a page's fifty divided by f are read, or twice f of all, as those lie far apart."""
_COUNTED: Final = text(
    """
    SELECT greatest(reltuples, 0), most_common_elems::text::text[], most_common_elem_freqs
    FROM pg_class LEFT JOIN pg_stats ON schemaname = current_schema() AND tablename = 'session_by_trigram'
    WHERE oid = 'session'::regclass
    """
)


@dataclass(frozen=True, slots=True)
class Frequency:
    """How many titles may have a part: a share of so many sessions."""

    share: float
    count: float

    @property
    def frequent(self) -> bool:
        """Whether reading on until enough have the part costs less than finding the nearest."""
        return self.share > _FREQUENT

    @property
    def rare(self) -> bool:
        """Whether putting all of them in order costs less than reading on until enough have the part."""
        return self.share * self.share * self.count < _BALANCE


class Frequencies:
    """What was counted, remembered for a while."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._read_at = float("-inf")
        self._count = 0.0
        self._shares: Mapping[str, float] | None = None

    async def of(self, connection: AsyncConnection, part: str) -> Frequency:
        """That of a part. Each group is taken for independent of the others: the least frequent tells most."""
        now = self._clock.monotonic()
        if now - self._read_at >= _SECONDS:
            self._count, names, shares = (await connection.execute(_COUNTED)).one()
            # Behind the shares come the least and the greatest of them.
            self._shares = None if names is None else dict(zip(names, shares, strict=False))
            self._read_at = now
        if self._shares is None:
            return Frequency(_UNKNOWN, self._count)
        return Frequency(min(self._shares.get(group, 0.0) for group in groups(part)), self._count)
