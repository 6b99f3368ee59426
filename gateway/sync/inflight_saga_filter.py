"""Rows of a list that nobody knows, while a write is under way that may have made them."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.store import Sagas
from providers.clock import Clock
from providers.lru import LruCache

_PATIENCE = timedelta(minutes=1)
_MOST = 10_000


class Strangers:
    """Tells rows that others have made from those that a saga has made and not kept yet.

    A composed session shows in its provider's list part by part before it is known as one. Taken for sessions of their
    own, those would be told of as such.
    """

    def __init__(self, sagas: Sagas, clock: Clock) -> None:
        self._sagas = sagas
        self._clock = clock
        self._first_seen: LruCache[tuple[str, str], datetime] = LruCache(_MOST)

    async def accepted(self, provider: str, keys: frozenset[str]) -> frozenset[str]:
        """Those that no saga can have made which is at work now: they were there before, or have been there for long."""
        begun = await self._sagas.oldest_begun_at(provider) if keys else None
        now = self._clock.now()
        if begun is None:
            return keys
        taken = frozenset(key for key in keys if self._seen(provider, key, now) < max(begun, now - _PATIENCE))
        for key in taken:
            self._first_seen.discard((provider, key))
        return taken

    def _seen(self, provider: str, key: str, now: datetime) -> datetime:
        first_seen = self._first_seen.get((provider, key))
        if first_seen is None:
            self._first_seen.put((provider, key), first_seen := now)
        return first_seen
