"""Negative cache: remembers that a provider has no such session, so that it is not asked again for the next seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from providers.clock import Clock
from providers.errors import NotFound
from providers.lru import LruCache
from providers.model import SessionRef

_MAX_ENTRIES: Final = 10_000
_MAX_TTL_SECONDS: Final = 60.0


class NegativeCache:
    """LRU cache of refusals with a TTL: as long as what is known of an open session counts as fresh, a minute at most."""

    def __init__(self, ttl_seconds: float, clock: Clock) -> None:
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._refusals: LruCache[SessionRef, tuple[float, NotFound]] = LruCache(_MAX_ENTRIES)

    def __len__(self) -> int:
        return len(self._refusals)

    def raise_if_absent(self, ref: SessionRef, max_age: timedelta | None) -> None:
        """Raises ``NotFound`` where the provider has said so within ``max_age``."""
        entry = self._refusals.peek(ref)
        if entry is None:
            return
        at, error = entry
        ttl = min(self._ttl_seconds if max_age is None else max_age.total_seconds(), _MAX_TTL_SECONDS)
        if self._clock.monotonic() - at < ttl:
            raise NotFound(
                error.message, path=error.path, provider=error.provider, provider_code=error.provider_code, status=error.status
            )

    def add(self, ref: SessionRef, error: NotFound) -> None:
        """Notes that the provider does not have a session."""
        self._refusals.put(ref, (self._clock.monotonic(), error.with_traceback(None)))

    def discard(self, ref: SessionRef) -> None:
        """Forgets the refusal: the session has been seen."""
        self._refusals.discard(ref)
