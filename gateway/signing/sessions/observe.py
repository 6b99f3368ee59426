"""Observation, the one door for change: merges each observed state of a session into the stored one, if it is newer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
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

_READ_IN_FULL = Session.OBSERVATION_FIELDS | {
    *("provider", "key", "kind", "provider_status", "signing_order", "reminder_frequency", "documents", "participants"),
    *("signatures", "fields", "archive", "parts", "partial", "unreadable", "native"),
}
_ROW_FIELDS = tuple(each.name for each in fields(Session) if each.name not in _READ_IN_FULL)
"""The fields that a list row may have a value for: all but those that only a read of the session can tell."""

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
        negative_cache: NegativeCache,
        confirmations: SharedFreshness,
        clock: Clock,
        *,
        notify: Callable[[], None],
        next_poll_at: Callable[[str], datetime],
        record_changes: RecordChanges = lambda last, seen, changes: None,
    ) -> None:
        self._store = store
        self._cache = cache
        self._negative_cache = negative_cache
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
        saga_commit: SagaCommit | None = None,
        begun_at: datetime | None = None,
    ) -> Session:
        """Keeps a state, unless a newer one is stored; gives the session as it is stored then.

        ``saga_commit`` is the saga that ends with it, in the same transaction. A read that was ``begun_at`` before a newer
        state was seen is dropped: a state is as old as the beginning of the read that gave it. ``digests`` are those of the
        list rows behind it. A list row never takes back a final status; only a read of the session itself does.
        """
        self._negative_cache.discard(seen.ref)
        seen = truncate_title(drop_dangling_links(seen))
        # The cache has the newest state that this gateway knows: an unchanged one needs neither the lock nor the store.
        if saga_commit is None and (cached := self._cache.stored(seen.ref)) is not None:
            session = self._merge(cached.session, seen, source, begun_at)
            if session is None:
                return cached.session
            if seen is cached.session or is_unchanged(cached.session, session):
                return await self._confirm(StoredSession(session, cached.version), digests)
        lock = self._locks.setdefault(seen.ref, asyncio.Lock())
        async with lock:
            for _ in range(_TRIES):
                if (session := await self._write(seen, source, digests, saga_commit, begun_at)) is not None:
                    return session
        raise Conflict("Too many change this session at once. Try again in a while.", provider=seen.provider)

    async def _write(
        self,
        seen: Session,
        source: ChangeSource,
        digests: Mapping[str, bytes] | None,
        saga_commit: SagaCommit | None,
        begun_at: datetime | None,
    ) -> Session | None:
        """The session as it is stored afterwards; None where another gateway has written meanwhile: compare again."""
        stored = await self._store.sessions.load(seen.ref)
        if stored is not None and stored.fault is not None and saga_commit is None and (seen.partial or stored.fault.newer):
            return self._cache_only(stored, seen, source, begun_at)
        last, version = (stored.session, stored.version) if stored else (None, None)
        session = self._merge(last, seen, source, begun_at)
        if session is None:
            return last
        if last is not None and saga_commit is None and is_unchanged(last, session):
            return await self._confirm(StoredSession(session, version or 0), digests)
        state = SessionWrite(
            seen_at=self._clock.now(),
            expected_version=version,
            changes=find_changes(last, session),
            digests=digests or {},
            saga_commit=saga_commit,
            poll_at=self._poll_at(session),
        )
        saved = await self._store.sessions.save(session, state)
        self.saved += 1
        if not saved:
            return None
        self._share(StoredSession(session, state.version))
        if state.changes:
            self._notify()
            self._record_changes(last, session, state.changes)
        return session

    def _cache_only(self, stored: StoredSession, seen: Session, source: ChangeSource, begun_at: datetime | None) -> Session:
        """The state that was seen, where the stored one cannot be decoded here and must stay.

        A newer build can decode it and keeps it up to date; and a list row has not all that would have to replace it.
        """
        if seen.partial:
            return stored.session
        session = seen.with_observation(begun_at or self._clock.now(), source)
        self._share(StoredSession(session, stored.version))
        return session

    def _merge(self, last: Session | None, seen: Session, source: ChangeSource, begun_at: datetime | None) -> Session | None:
        """The stored state merged with the one that was seen; None where the stored one is newer."""
        if last is not None and _newer(last, seen, begun_at):
            return None
        as_of = begun_at or self._clock.now()
        base, updates = _merged(last, seen)
        return (replace(base, **updates) if updates else base).with_observation(as_of, source)

    async def _confirm(self, stored: StoredSession, digests: Mapping[str, bytes] | None) -> Session:
        """Confirms an unchanged state: nothing of it is written but the digests of its list rows."""
        if digests:
            await self._store.sessions.save_digests(stored.session, digests)
        self._share(stored)
        return stored.session

    def _share(self, stored: StoredSession) -> None:
        self._cache.put(stored)
        self._confirmations.confirm(stored)

    def _poll_at(self, session: Session) -> datetime | None:
        """The time of the next poll: the provider's next one, or right after the due date. None for a settled session."""
        if session.settled:
            return None
        now = self._clock.now()
        next_at = self._next_poll_at(session.provider)
        return min(next_at, session.due_at + _AFTER_DUE) if session.due_at and session.due_at > now else next_at


def _newer(last: Session, seen: Session, begun_at: datetime | None) -> bool:
    """Whether the stored state was seen after a read had begun. A full read completes what a newer list row has given."""
    if begun_at is None or last.observed_at is None or last.observed_at <= begun_at:
        return False
    return seen.partial or not last.partial


def _merged(last: Session | None, seen: Session) -> tuple[Session, dict[str, Any]]:
    """The state to keep and its updates: a full read replaces the stored state, a list row updates the fields it has."""
    if last is None:
        return seen, {}
    if not seen.partial:
        return seen, {} if seen.created_at or last.created_at is None else {"created_at": last.created_at}
    if last.final:
        return last, {}
    updates = {name: value for name in _ROW_FIELDS if (value := getattr(seen, name))}
    return last, updates | {"provider_status": seen.provider_status, "native": seen.native, "partial": True}
