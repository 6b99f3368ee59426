"""The one door for change: what a mutation, a read or a poll has seen becomes what is known."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from weakref import WeakValueDictionary

from gateway.cache import SessionCache
from gateway.store import Settlement, Store
from providers.clock import Clock
from providers.model import ChangeSource, Session, SessionRef


class Observation:
    """Compares what was seen with what is known, and keeps the newer."""

    def __init__(self, store: Store, cache: SessionCache, clock: Clock) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._locks: WeakValueDictionary[SessionRef, asyncio.Lock] = WeakValueDictionary()

    async def observe(
        self,
        seen: Session,
        source: ChangeSource,
        digests: Mapping[str, bytes] | None = None,
        settlement: Settlement | None = None,
        begun_at: datetime | None = None,
    ) -> Session:
        """Keeps a state and returns it as it is now known. ``settlement`` is what ends with it, or not at all.

        A reading that was ``begun_at`` before something newer was seen may be older than that, and is dropped.

        ``digests`` are those of the list rows behind it. A row of a list never takes back a final status; only a
        read of the session itself does.
        """
        now = self._clock.now()
        lock = self._locks.setdefault(seen.ref, asyncio.Lock())
        async with lock:
            known = await self._store.sessions.get(seen.ref)
            if known is not None and _newer(known, begun_at):
                return known
            session = replace(_merged(known, seen), observed_at=now, source=source, stale=False)
            await self._store.sessions.save(session, seen_at=now, digests=digests, settlement=settlement)
            await self._cache.put(session)
        return session


def _newer(known: Session, begun_at: datetime | None) -> bool:
    """Whether all of what is known was seen after a reading had begun."""
    return begun_at is not None and known.observed_at is not None and known.observed_at > begun_at and not known.partial


def _merged(known: Session | None, seen: Session) -> Session:
    """A full reading stands for itself; a list's row changes only what it tells."""
    if known is None:
        return seen
    if not seen.partial:
        return replace(seen, created_at=seen.created_at or known.created_at)
    if known.final:
        return known
    return replace(
        known,
        status=seen.status,
        provider_status=seen.provider_status,
        status_reason=seen.status_reason or known.status_reason,
        title=seen.title or known.title,
        reference=seen.reference or known.reference,
        created_at=seen.created_at or known.created_at,
        started_at=seen.started_at or known.started_at,
        due_at=seen.due_at or known.due_at,
        completed_at=seen.completed_at or known.completed_at,
        native=seen.native,
        partial=True,
    )
