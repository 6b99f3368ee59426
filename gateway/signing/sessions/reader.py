"""Read-through of single sessions: from the cache, the store, or the provider where both are too old."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from gateway.cache.negative_cache import NegativeCache
from gateway.cache.session_cache import SessionCache
from gateway.cache.shared_freshness import SharedFreshness
from gateway.cache.single_flight import SingleFlight
from gateway.config import FreshnessSettings
from gateway.directory import Directory
from gateway.events.hub import Hub
from gateway.signing.sessions.observe import Observation
from gateway.signing.sessions.tombstones import tombstone, void_digests
from gateway.store import SessionRow, Store
from providers.clock import Clock
from providers.errors import NotFound, SigningError
from providers.model import ChangeSource, Session, SessionRef

_LIVE: Final = timedelta()
_MOST_READS: Final = 3
"""A read that a mutation overtakes is repeated, so often in all."""


class SessionReader:
    """Reads sessions for everybody, whatever their scopes: use cases ask their policy first.

    Concurrent reads of one session share one call at its provider (single flight), and a provider's 404 is cached for a
    while (negative cache).
    """

    def __init__(
        self,
        directory: Directory,
        store: Store,
        cache: SessionCache,
        negative_cache: NegativeCache,
        confirmations: SharedFreshness,
        observation: Observation,
        hub: Hub,
        freshness: FreshnessSettings,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._store = store
        self._cache = cache
        self._negative_cache = negative_cache
        self._confirmations = confirmations
        self._observation = observation
        self._hub = hub
        self._freshness = freshness
        self._clock = clock
        self._reads: SingleFlight[Session] = SingleFlight()
        self._read_cursors: dict[object, str] = {}
        """The log's cursor at the beginning of each read at a provider that is under way, oldest first."""

    async def session(self, ref: SessionRef, max_age: timedelta | None = None) -> Session:
        """A session, read at its provider where the cached and the stored state are older than ``max_age``.

        Where the provider does not answer, the last state comes back marked as stale. Raises ``NotFound``.
        """
        provider = self._directory.get(ref.provider, path=("id",))
        last = self._cache.get(ref)
        if last is None:
            provider.require_key(ref.key, "id")
            last = await self._load(ref, max_age)
        if last is not None and not last.partial and self._is_fresh(last, max_age):
            return last
        if last is None:
            self._negative_cache.raise_if_absent(ref, max_age)
        try:
            return await self._reads.do(ref, lambda: self._read_through(ref))
        except SigningError as error:
            if last is None:
                if isinstance(error, NotFound):
                    self._negative_cache.add(ref, error)
                raise
            return replace(last, stale=True)

    async def last_known(self, ref: SessionRef) -> Session:
        """The last state of a session, or of the one that it has become a part of. Calls no provider. Raises ``NotFound``."""
        if ref.provider not in self._directory:
            raise NotFound("There is no such session.", path=("id",))
        if (cached := self._cache.get(ref)) is not None:
            return cached
        stored = await self._store.sessions.load(ref)
        if stored is None:
            row = (await self._store.sessions.list_rows(ref.provider, [ref.key])).get(ref.key)
            stored = await self._store.sessions.load(SessionRef(ref.provider, row.session_key)) if row else None
        if stored is None:
            raise NotFound("There is no such session.", path=("id",))
        self._cache.put(stored)
        return stored.session

    async def stored_or_fetched(self, ref: SessionRef) -> Session | None:
        """A session as it is stored, read at its provider where that cannot be decoded; None where there is none."""
        stored = await self._store.sessions.load(ref)
        if stored is None:
            return None
        if stored.fault is None or ref.provider not in self._directory:
            return stored.session
        try:
            return await self._reads.do(ref, lambda: self.fetch(ref, ChangeSource.READ, {}))
        except SigningError:
            return stored.session

    async def fetch(self, ref: SessionRef, source: ChangeSource, digests: Mapping[str, bytes]) -> Session:
        """Reads a session at its provider and observes it; one that was there before and is missing becomes a tombstone.

        A read that a mutation overtakes may show the state before or after it, and is repeated.
        """
        for _ in range(_MOST_READS):
            last = self._cache.get(ref) or await self._store.sessions.get(ref)
            begun_at = self._clock.now()
            try:
                seen = await self._directory.get(ref.provider).adapter.fetch_session(ref.key, last)
            except NotFound:
                if last is None:
                    raise
                seen = tombstone(last)
                digests = digests or void_digests(last, seen)
            session = await self._observation.observe(seen, source, digests, begun_at=begun_at)
            overtaken = session.observed_at is not None and session.observed_at > begun_at
            if not overtaken or session.source is not ChangeSource.MUTATION:
                break
        return session

    async def fetch_or_evict(self, ref: SessionRef) -> None:
        """Reads a session at its provider; where that fails, evicts it from the cache, so that the next reader tries."""
        try:
            await self.fetch(ref, ChangeSource.READ, {})
        except SigningError:
            self._cache.drop(ref)

    async def complete(self, rows: Sequence[SessionRow]) -> Sequence[SessionRow]:
        """The rows, with partial sessions read in full; those that cannot be read in time stay as they are, marked as stale."""
        return await asyncio.gather(*(self._complete(row) for row in rows))

    @property
    def cursor(self) -> str:
        """Cursor of the log's head, or of what it was when the oldest read that others may join began.

        Caches hold no state from before that head: what another gateway has changed is evicted before the head moves.
        """
        return next(iter(self._read_cursors.values()), self._hub.cursor)

    async def _load(self, ref: SessionRef, max_age: timedelta | None) -> Session | None:
        """Loads a session from the store into the cache, as fresh as any gateway has confirmed it."""
        stored = await self._store.sessions.load(ref)
        if stored is None:
            return None
        if not self._is_fresh(stored.session, max_age) and (seen_at := await self._confirmations.confirmed_at(stored)):
            stored = replace(stored, session=replace(stored.session, observed_at=seen_at))
        self._cache.put(stored)
        return stored.session

    async def _read_through(self, ref: SessionRef) -> Session:
        """Reads a session at its provider for all who ask meanwhile: none of them may claim a cursor later than its begin."""
        read = object()
        self._read_cursors[read] = self._hub.cursor
        try:
            return await self.fetch(ref, ChangeSource.READ, {})
        finally:
            del self._read_cursors[read]

    def _is_fresh(self, session: Session, max_age: timedelta | None) -> bool:
        if session.observed_at is None or max_age == _LIVE:
            return False
        default = self._freshness.final if session.settled else self._freshness.open
        age = timedelta(seconds=default) if max_age is None else max_age
        return self._clock.now() - session.observed_at < age

    async def _complete(self, row: SessionRow) -> SessionRow:
        if not row.session.partial:
            return row
        try:
            async with asyncio.timeout(self._freshness.list_wait):
                return replace(row, session=await self.session(row.session.ref))
        except (SigningError, TimeoutError):
            return replace(row, session=replace(row.session, stale=True))
