"""Session cache: the newest known state of each session, bounded by LRU and TTL, invalidated by every change."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic

from gateway.config import FreshnessSettings
from gateway.store import StoredSession
from providers.lru import LruCache
from providers.model import Session, SessionRef

_NEVER = datetime.min.replace(tzinfo=UTC)


class SessionCache:
    """LRU cache with a TTL of seconds for open sessions, and of hours for final ones.

    An expired entry is found to be so when it is looked up: a timer for each would cost more than to keep it.
    """

    def __init__(self, freshness: FreshnessSettings, *, max_entries: int = 10_000) -> None:
        self._freshness = freshness
        self._entries: LruCache[SessionRef, tuple[StoredSession, float]] = LruCache(max_entries)
        self._min_versions: LruCache[SessionRef, int] = LruCache(max_entries)
        """Versions below which a state is older than a change that another gateway has told of."""

    def get(self, ref: SessionRef) -> Session | None:
        """The session, if it is here."""
        stored = self.stored(ref)
        return stored.session if stored else None

    def stored(self, ref: SessionRef) -> StoredSession | None:
        """The session and its version, if they are here."""
        entry = self._entries.get(ref)
        if entry is None or entry[1] <= monotonic():
            return None
        return entry[0]

    def put(self, stored: StoredSession) -> None:
        """Keeps a session, unless a newer state of it is here, or was told of."""
        session, ref = stored.session, stored.session.ref
        cached = self.stored(ref)
        if (cached and _age_order(cached) > _age_order(stored)) or stored.version < (self._min_versions.peek(ref) or 0):
            return
        ttl = self._freshness.final if session.settled else self._freshness.open
        if ttl > 0:
            self._entries.put(ref, (stored, monotonic() + ttl))
        else:
            self.drop(ref)

    def drop(self, ref: SessionRef, before: int | None = None) -> None:
        """Invalidates a session, or only its states before a version; those are not taken again either."""
        if before is not None:
            self._min_versions.put(ref, before)
            if (cached := self.stored(ref)) and cached.version >= before:
                return
        self._entries.discard(ref)

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()


def _age_order(stored: StoredSession) -> tuple[int, datetime]:
    return stored.version, stored.session.observed_at or _NEVER
