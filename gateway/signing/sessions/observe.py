"""The one door for change: compares each observed state of a session with the stored one, and keeps the newer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from gateway.cache.negative_cache import NegativeCache
from gateway.cache.session_cache import SessionCache
from gateway.cache.shared_freshness import SharedFreshness
from gateway.store import SagaCommit, SessionWrite, Store, StoredSession
from providers.clock import Clock
from providers.decoding.integrity import drop_dangling_links, truncate_title
from providers.errors import Conflict
from providers.model import ChangeSource, Session, SessionRef
from providers.model.change import Change, find_changes, is_unchanged

_TRIES = 20
_AFTER_DUE = timedelta(seconds=1)

_IN_ROWS = ("status", "status_reason", "title", "reference", "created_at", "started_at", "due_at", "completed_at")
"""The fields that a list row may have a value for."""

RecordChanges = Callable[[Session | None, Session, Sequence[Change]], None]


class Observation:
    """Observes states of sessions, whoever has read them: a mutation, a read, a poll or a webhook.

    ``notify`` is called once the event log has grown, ``record_changes`` with the state before and after and the changes
    between; ``next_poll_at`` says when a provider's open sessions are due again.
    """

    def __init__(
        self,
        store: Store,
        cache: SessionCache,
        unknown: NegativeCache,
        confirmations: SharedFreshness,
        clock: Clock,
        *,
        notify: Callable[[], None],
        next_poll_at: Callable[[str], datetime],
        record_changes: RecordChanges = lambda known, seen, changes: None,
    ) -> None:
        self._store = store
        self._cache = cache
        self._unknown = unknown
        self._confirmations = confirmations
        self._clock = clock
        self._notify = notify
        self._next_poll_at = next_poll_at
        self._record_changes = record_changes
        self.saved = 0
        """Writes to the store by this gateway."""
        self._locks: WeakValueDictionary[SessionRef, asyncio.Lock] = WeakValueDictionary()

    async def observe(
        self,
        seen: Session,
        source: ChangeSource,
        digests: Mapping[str, bytes] | None = None,
        settlement: SagaCommit | None = None,
        begun_at: datetime | None = None,
    ) -> Session:
        """Keeps a state, unless a newer one is stored; gives the session as it is stored then.

        ``settlement`` is the saga that ends with it, in the same transaction. A read that was ``begun_at`` before a newer
        state was seen is dropped: a state is as old as the beginning of the read that gave it. ``digests`` are those of the
        list rows behind it. A list row never takes back a final status; only a read of the session itself does.
        """
        self._unknown.discard(seen.ref)
        seen = truncate_title(drop_dangling_links(seen))
        if settlement is None and (at_hand := self._cache.stored(seen.ref)) is not None:
            session = self._merge(at_hand.session, seen, source, begun_at)
            if session is None:
                return at_hand.session
            if seen is at_hand.session or is_unchanged(at_hand.session, session):
                return await self._confirm(StoredSession(session, at_hand.version), digests)
        lock = self._locks.setdefault(seen.ref, asyncio.Lock())
        async with lock:
            for _ in range(_TRIES):
                if (kept := await self._keep(seen, source, digests, settlement, begun_at)) is not None:
                    return kept
        raise Conflict("Too many change this session at once. Try again in a while.", provider=seen.provider)

    async def _keep(
        self,
        seen: Session,
        source: ChangeSource,
        digests: Mapping[str, bytes] | None,
        settlement: SagaCommit | None,
        begun_at: datetime | None,
    ) -> Session | None:
        """The session as it is stored afterwards; None where another gateway has written meanwhile: compare again."""
        stored = await self._store.sessions.load(seen.ref)
        if stored is not None and stored.fault is not None and settlement is None and (seen.partial or stored.fault.newer):
            return self._cache_only(stored, seen, source, begun_at)
        known, version = (stored.session, stored.version) if stored else (None, None)
        session = self._merge(known, seen, source, begun_at)
        if session is None:
            return known
        if known is not None and settlement is None and is_unchanged(known, session):
            return await self._confirm(StoredSession(session, version or 0), digests)
        state = SessionWrite(
            seen_at=self._clock.now(),
            expected_version=version,
            changes=find_changes(known, session),
            digests=digests or {},
            saga_commit=settlement,
            poll_at=self._poll_at(session),
        )
        saved = await self._store.sessions.save(session, state)
        self.saved += 1
        if not saved:
            return None
        self._cache_and_share(StoredSession(session, state.version))
        if state.changes:
            self._notify()
            self._record_changes(known, session, state.changes)
        return session

    def _cache_only(self, stored: StoredSession, seen: Session, source: ChangeSource, begun_at: datetime | None) -> Session:
        """The state that was seen, where the stored one cannot be decoded here and must stay.

        A newer build can decode it and keeps it up to date; and a list row has not all that would have to replace it.
        """
        if seen.partial:
            return stored.session
        session = seen.with_observation(begun_at or self._clock.now(), source)
        self._cache_and_share(StoredSession(session, stored.version))
        return session

    def _merge(self, known: Session | None, seen: Session, source: ChangeSource, begun_at: datetime | None) -> Session | None:
        """The stored state merged with the one that was seen; None where the stored one is newer."""
        if known is not None and _newer(known, seen, begun_at):
            return None
        as_of = begun_at or self._clock.now()
        base, updates = _merged(known, seen)
        return (replace(base, **updates) if updates else base).with_observation(as_of, source)

    async def _confirm(self, stored: StoredSession, digests: Mapping[str, bytes] | None) -> Session:
        """Confirms an unchanged state: nothing of it is written but the digests of its list rows."""
        if digests:
            await self._store.sessions.save_digests(stored.session, digests)
        self._cache_and_share(stored)
        return stored.session

    def _cache_and_share(self, stored: StoredSession) -> None:
        self._cache.put(stored)
        self._confirmations.confirm(stored)

    def _poll_at(self, session: Session) -> datetime | None:
        """When a change is likely: at the next poll, and right after the due date."""
        if session.settled:
            return None
        now = self._clock.now()
        next_at = self._next_poll_at(session.provider)
        return min(next_at, session.due_at + _AFTER_DUE) if session.due_at and session.due_at > now else next_at


def _newer(known: Session, seen: Session, begun_at: datetime | None) -> bool:
    """Whether the stored state was seen after a read had begun. A full read completes what a newer list row has given."""
    if begun_at is None or known.observed_at is None or known.observed_at <= begun_at:
        return False
    return seen.partial or not known.partial


def _merged(known: Session | None, seen: Session) -> tuple[Session, dict[str, Any]]:
    """The state to keep and its updates: a full read replaces the stored state, a list row updates the fields it has."""
    if known is None:
        return seen, {}
    if not seen.partial:
        return seen, {} if seen.created_at or known.created_at is None else {"created_at": known.created_at}
    if known.final:
        return known, {}
    updates = {name: value for name in _IN_ROWS if (value := getattr(seen, name))}
    return known, updates | {"provider_status": seen.provider_status, "native": seen.native, "partial": True}
