"""In-flight saga filter: holds back unknown list rows that a running saga may have created.

A composed session shows in its provider's list part by part before it is stored as one: observed at once, each part would
become a session of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.store import Sagas
from providers.clock import Clock
from providers.lru import LruCache

_MAX_HOLD = timedelta(minutes=1)
_MAX_ROWS = 10_000


class InflightSagaFilter:
    """Tells rows that others have created from those that a saga may have created and not stored yet."""

    def __init__(self, sagas: Sagas, clock: Clock) -> None:
        self._sagas = sagas
        self._clock = clock
        self._first_seen: LruCache[tuple[str, str], datetime] = LruCache(_MAX_ROWS)

    async def accepted(self, provider: str, keys: frozenset[str]) -> frozenset[str]:
        """The rows that no running saga can have created: they were there before it, or are held back for a minute."""
        begun = await self._sagas.oldest_begun_at(provider) if keys else None
        now = self._clock.now()
        if begun is None:
            return keys
        accepted = frozenset(key for key in keys if self._seen_at(provider, key, now) < max(begun, now - _MAX_HOLD))
        for key in accepted:
            self._first_seen.discard((provider, key))
        return accepted

    def _seen_at(self, provider: str, key: str, now: datetime) -> datetime:
        first_seen = self._first_seen.get((provider, key))
        if first_seen is None:
            self._first_seen.put((provider, key), first_seen := now)
        return first_seen
