"""Selectivity: estimates how many titles contain a part, from PostgreSQL's statistics of trigrams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.list_query.text_folding import trigrams
from providers.clock import Clock

_TTL_SECONDS: Final = 60.0
"""PostgreSQL itself renews its statistics no more often."""
_DEFAULT_SHARE: Final = 0.01
_FREQUENT: Final = 1 / 30
"""From this share on, reading in order until a page is full costs less than sorting a span of time."""
_BREAK_EVEN: Final = 25
"""Where both ways cost the same: reading in order reads 50 / share rows, sorting reads share * count, each twice as dear."""
_STATISTICS: Final = text(
    """
    SELECT greatest(reltuples, 0), most_common_elems::text::text[], most_common_elem_freqs
    FROM pg_class LEFT JOIN pg_stats ON schemaname = current_schema() AND tablename = 'session_by_trigram'
    WHERE oid = 'session'::regclass
    """
)


@dataclass(frozen=True, slots=True)
class Selectivity:
    """Estimated share of titles that contain a part, of so many sessions."""

    share: float
    count: float

    @property
    def frequent(self) -> bool:
        """Whether reading in order until a page is full costs less than searching the trigram index by time."""
        return self.share > _FREQUENT

    @property
    def rare(self) -> bool:
        """Whether sorting all matches costs less than reading in order until a page is full."""
        return self.share * self.share * self.count < _BREAK_EVEN


class SelectivityEstimator:
    """Estimates selectivities from statistics that are cached for a minute."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._read_at = float("-inf")
        self._count = 0.0
        self._shares: Mapping[str, float] | None = None

    async def estimate(self, connection: AsyncConnection, part: str) -> Selectivity:
        """Estimates how many titles contain a part: no more than contain its rarest trigram."""
        now = self._clock.monotonic()
        if now - self._read_at >= _TTL_SECONDS:
            self._count, elements, shares = (await connection.execute(_STATISTICS)).one()
            # Behind the shares come the least and the greatest of them.
            self._shares = None if elements is None else dict(zip(elements, shares, strict=False))
            self._read_at = now
        if self._shares is None:
            return Selectivity(_DEFAULT_SHARE, self._count)
        return Selectivity(min(self._shares.get(trigram, 0.0) for trigram in trigrams(part)), self._count)
