"""The one door for change: what a mutation, a read, a poll or a webhook has seen becomes what is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from gateway.cache.session_cache import SessionCache
from gateway.cache.shared_freshness import SharedFreshness
from gateway.store import SagaCommit, SessionWrite, Store, StoredSession
from providers.change import Change, changes, is_unchanged
from providers.clock import Clock
from providers.decoding.integrity import drop_dangling_links, truncate_title
from providers.errors import Conflict
from providers.model import ChangeSource, Session, SessionRef

_TRIES = 20
_AFTER_DUE = timedelta(seconds=1)

_IN_ROWS = ("status", "status_reason", "title", "reference", "created_at", "started_at", "due_at", "completed_at")
"""What rows of lists tell, if they tell it."""

Told = Callable[[], None]
Soon = Callable[[str], datetime]
Changed = Callable[[Session | None, Session, Sequence[Change]], None]


class Observation:
    """Compares what was seen with what is known, keeps the newer, and has the log tell what happened.

    ``told`` is called once the log has grown, ``changed`` with what a session was and is and what has come of it; ``soon``
    says when a provider's open sessions are looked at again.
    """

    def __init__(
        self,
        store: Store,
        cache: SessionCache,
        confirmations: SharedFreshness,
        clock: Clock,
        *,
        told: Told,
        soon: Soon,
        changed: Changed = lambda known, seen, changes: None,
    ) -> None:
        self._store = store
        self._cache = cache
        self._confirmations = confirmations
        self._clock = clock
        self._told = told
        self._soon = soon
        self._changed = changed
        self.saved = 0
        """How often the store has been written to here."""
        self._locks: WeakValueDictionary[SessionRef, asyncio.Lock] = WeakValueDictionary()

    async def observe(
        self,
        seen: Session,
        source: ChangeSource,
        digests: Mapping[str, bytes] | None = None,
        settlement: SagaCommit | None = None,
        begun_at: datetime | None = None,
    ) -> Session:
        """Keeps a state and returns it as it is now known. ``settlement`` is what ends with it, or not at all.

        A reading that was ``begun_at`` before something newer was seen may be older than that, and is dropped: what is
        known is as old as the beginning of the reading that told it.

        ``digests`` are those of the list rows behind it. A row of a list never takes back a final status; only a
        read of the session itself does.
        """
        seen = truncate_title(drop_dangling_links(seen))
        if settlement is None and (at_hand := self._cache.stored(seen.ref)) is not None:
            session = self._made(at_hand.session, seen, source, begun_at)
            if session is None:
                return at_hand.session
            if seen is at_hand.session or is_unchanged(at_hand.session, session):
                return await self._confirmed(StoredSession(session, at_hand.version), digests)
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
        """The session as it is known afterwards; None where another gateway was faster: then it is compared again."""
        stored = await self._store.sessions.load(seen.ref)
        if stored is not None and stored.fault is not None and settlement is None and (seen.partial or stored.fault.newer):
            return self._passed(stored, seen, source, begun_at)
        known, version = (stored.session, stored.version) if stored else (None, None)
        session = self._made(known, seen, source, begun_at)
        if session is None:
            return known
        if known is not None and settlement is None and is_unchanged(known, session):
            return await self._confirmed(StoredSession(session, version or 0), digests)
        state = SessionWrite(
            seen_at=self._clock.now(),
            expected_version=version,
            changes=changes(known, session),
            digests=digests or {},
            saga_commit=settlement,
            poll_at=self._poll_at(session),
        )
        saved = await self._store.sessions.save(session, state)
        self.saved += 1
        if not saved:
            return None
        self._at_hand(StoredSession(session, state.version))
        if state.changes:
            self._told()
            self._changed(known, session, state.changes)
        return session

    def _passed(self, stored: StoredSession, seen: Session, source: ChangeSource, begun_at: datetime | None) -> Session:
        """What was seen of a session whose stored state stays as it is.

        A newer build can read that and keeps it up; and a list's row does not tell all that has to replace it.
        """
        if seen.partial:
            return stored.session
        session = seen.with_observation(begun_at or self._clock.now(), source)
        self._at_hand(StoredSession(session, stored.version))
        return session

    def _made(self, known: Session | None, seen: Session, source: ChangeSource, begun_at: datetime | None) -> Session | None:
        """What a sighting makes of what is known; None where that is newer."""
        if known is not None and _newer(known, seen, begun_at):
            return None
        as_of = begun_at or self._clock.now()
        kept, told = _merged(known, seen)
        return (replace(kept, **told) if told else kept).with_observation(as_of, source)

    async def _confirmed(self, stored: StoredSession, digests: Mapping[str, bytes] | None) -> Session:
        """What was known already, seen again. Nothing is written for it but what its rows were like."""
        if digests:
            await self._store.sessions.save_digests(stored.session, digests)
        self._at_hand(stored)
        return stored.session

    def _at_hand(self, stored: StoredSession) -> None:
        self._cache.put(stored)
        self._confirmations.confirm(stored)

    def _poll_at(self, session: Session) -> datetime | None:
        """When a change is likely to be found: soon, and right after it is due."""
        if session.settled:
            return None
        now = self._clock.now()
        soon = self._soon(session.provider)
        return min(soon, session.due_at + _AFTER_DUE) if session.due_at and session.due_at > now else soon


def _newer(known: Session, seen: Session, begun_at: datetime | None) -> bool:
    """Whether what is known was seen after a reading had begun. A full one completes what a newer row has told."""
    if begun_at is None or known.observed_at is None or known.observed_at <= begun_at:
        return False
    return seen.partial or not known.partial


def _merged(known: Session | None, seen: Session) -> tuple[Session, dict[str, Any]]:
    """What stays, and what of it is told anew: a full reading stands for itself, a list's row changes only what it tells."""
    if known is None:
        return seen, {}
    if not seen.partial:
        return seen, {} if seen.created_at or known.created_at is None else {"created_at": known.created_at}
    if known.final:
        return known, {}
    told = {name: value for name in _IN_ROWS if (value := getattr(seen, name))}
    return known, told | {"provider_status": seen.provider_status, "native": seen.native, "partial": True}
