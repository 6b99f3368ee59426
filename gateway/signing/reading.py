"""What is known of sessions, read through to their providers where that is too old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from gateway.auth.viewer import NOBODY
from gateway.cache.negative_cache import NegativeCache
from gateway.cache.page_cache import ListPage, PageCache
from gateway.cache.redis import connect
from gateway.cache.session_cache import SessionCache
from gateway.cache.shared_freshness import SharedFreshness
from gateway.cache.single_flight import SingleFlight
from gateway.config import Settings
from gateway.departed import DepartedProviders
from gateway.directory import Connected, Directory
from gateway.events.hub import Hub
from gateway.events.notifier import Wake
from gateway.metrics import Metrics
from gateway.signing.gone import forgotten_rows, gone
from gateway.signing.observe import Observation
from gateway.signing.policy import Policy
from gateway.store import PageRequest, SagaCommit, SessionFilter, SessionOrder, SessionRow, Store
from gateway.sync.list_freshness import SourceReport
from gateway.sync.list_sync import Listing
from gateway.sync.schedule import Schedule
from gateway.sync.session_counts import SessionCounts, own_statistics, shown
from gateway.telemetry.health_monitor import Vigil
from gateway.web.uploads import Uploads
from providers.clock import Clock
from providers.errors import NotFound, SigningError
from providers.model import ChangeSource, Session, SessionRef

T = TypeVar("T")

_LIVE: Final = timedelta()
_LOOKS: Final = 3


@dataclass(frozen=True, slots=True)
class SessionList:
    """A slice of the list of sessions: a page, and how fresh each provider's share of it is."""

    page: ListPage
    sources: Sequence[SourceReport]
    cursor: str = ""
    """Cursor of the event log from before the page was read: the page shows every event up to there."""


class Reading:
    """Sessions as they are, and the one door for change."""

    def __init__(self, settings: Settings, directory: Directory, store: Store, uploads: Uploads, clock: Clock) -> None:
        self.directory = directory
        self.policy = Policy(NOBODY, directory)
        self.uploads = uploads
        self._freshness = settings.freshness
        self._store = store
        self._clock = clock
        self._departed = DepartedProviders(directory, store)
        self._cache = SessionCache(settings.freshness)
        self._redis = connect(settings.redis.url)
        self._wake = Wake(self._redis, clock)
        self._confirmations = SharedFreshness(self._redis, settings.freshness.open, clock)
        self._hub = Hub(store.events, self._cache, self._wake, settings.events, clock)
        self._vigil = Vigil(directory, clock)
        self._schedule = Schedule(store, directory, clock)
        self._metrics = Metrics(store, settings.metrics, clock)
        self._observation = Observation(
            store,
            self._cache,
            self._confirmations,
            clock,
            told=self._wake.ring,
            soon=self._schedule.soon,
            changed=self._metrics.changed,
        )
        self._listing = Listing(
            store,
            self._schedule,
            settings.freshness,
            clock,
            observe=self.observe,
            fetch=self._fetch,
            mark=self._mark,
            look=self._hub.look,
            watched=settings.watch.enabled,
        )
        self._pages = PageCache()
        self._unknown = NegativeCache(settings.freshness.open, clock)
        self._reads: SingleFlight[Session] = SingleFlight()
        self._page_reads: SingleFlight[ListPage] = SingleFlight()
        self._read_cursors: dict[object, str] = {}
        """The log's cursor at the begin of each read at a provider that is under way, oldest first."""

    async def open(self) -> None:
        """Begins to follow the log."""
        await self._departed.open()
        await self._wake.open()
        await self._confirmations.open()
        await self._hub.open()

    async def close(self) -> None:
        """Ends everything that is under way."""
        await self._hub.close()
        await self._confirmations.close()
        await self._wake.close()
        if self._redis is not None:
            await self._redis.aclose()
        await self._vigil.close()
        await self._listing.close()
        self._cache.clear()

    def provider_health(self, names: Sequence[str] | None = None) -> AsyncIterator[Connected]:
        """Providers as they are now, and again whenever their health or credentials change. Raises ``NotFound``."""
        return self._vigil.watch(names, ("names",))

    def observe(
        self,
        seen: Session,
        source: ChangeSource,
        digests: Mapping[str, bytes] | None = None,
        settlement: SagaCommit | None = None,
        begun_at: datetime | None = None,
    ) -> Coroutine[Any, Any, Session]:
        """The one door for change: keeps what was seen, and returns the session as it is now known.

        ``settlement`` is what ends with it, in the same transaction; ``begun_at`` is when a reading was asked for.
        """
        self._unknown.discard(seen.ref)
        return self._observation.observe(seen, source, digests, settlement, begun_at)

    async def session(self, ref: SessionRef, max_age: timedelta | None = None) -> Session:
        """A session, read at its provider where what is known is older than ``max_age``.

        Where the provider does not answer, what is known comes back marked as stale. Raises ``NotFound``.
        """
        provider = self.directory.get(ref.provider, path=("id",))
        known = self._cache.get(ref)
        if known is None:
            _require_key(provider, ref.key, "id")
            known = await self._recall(ref, max_age)
        if known is not None and not known.partial and self._fresh(known, max_age):
            return known
        if known is None:
            self._unknown.raise_if_absent(ref, max_age)
        try:
            return await self._reads.do(ref, lambda: self._read_through(ref))
        except SigningError as error:
            if known is None:
                if isinstance(error, NotFound):
                    self._unknown.add(ref, error)
                raise
            return replace(known, stale=True)

    async def known(self, ref: SessionRef) -> Session:
        """A session as it is known, or the one that it has become a part of. Asks no provider. Raises ``NotFound``."""
        if ref.provider not in self.directory:
            raise NotFound("There is no such session.", path=("id",))
        if (held := self._cache.get(ref)) is not None:
            return held
        stored = await self._store.sessions.load(ref)
        if stored is None:
            row = (await self._store.sessions.list_rows(ref.provider, [ref.key])).get(ref.key)
            stored = await self._store.sessions.load(SessionRef(ref.provider, row.session_key)) if row else None
        if stored is None:
            raise NotFound("There is no such session.", path=("id",))
        self._cache.put(stored)
        return stored.session

    async def session_by_key(self, provider: str, key: str, max_age: timedelta | None = None) -> Session:
        """A session by the provider's own identifier, or that of one of its parts."""
        _require_key(self.directory.get(provider, path=("provider",)), key, "key")
        rows = await self._store.sessions.list_rows(provider, [key])
        return await self.session(SessionRef(provider, rows[key].session_key if key in rows else key), max_age)

    async def sessions(
        self,
        wanted: SessionFilter,
        order: SessionOrder,
        part: PageRequest,
        max_age: timedelta | None = None,
        *,
        at_head: bool = False,
    ) -> SessionList:
        """A slice of one list over all providers, and how fresh each provider's share is.

        ``at_head`` says that its cursor is to be the log's present head, which may have to be looked for.
        """
        begun = self._clock.monotonic()
        sources = await self._listing.refresh(self._asked(wanted.providers), max_age)
        if at_head:
            await self._hub.catch_up()
        else:
            await self._hub.look(begun - (self._freshness.list if max_age is None else max_age.total_seconds()))
        cursor = self._known_cursor
        page = await self._page(wanted, order, part)
        if not page.whole:
            page = ListPage(await self._completed(page.rows), page.more)
        return SessionList(page, page.with_unreadable(sources) if page.unreadable else sources, cursor)

    async def log_cursor(self) -> str:
        """The event log's cursor that everything read from now on is as new as: it shows every event up to there."""
        await self._hub.catch_up()
        return self._known_cursor

    @property
    def _known_cursor(self) -> str:
        """The log's head as this gateway has read it, or as it was when the oldest read that others may join began.

        Caches hold no state from before that head: what another gateway has changed is dropped before the head moves.
        """
        return next(iter(self._read_cursors.values()), self._hub.cursor)

    async def _read_through(self, ref: SessionRef) -> Session:
        """Reads a session at its provider for all who ask meanwhile; none of them may claim a later cursor than its begin."""
        read = object()
        self._read_cursors[read] = self._hub.cursor
        try:
            return await self._fetch(ref, ChangeSource.READ, {})
        finally:
            del self._read_cursors[read]

    async def count_sessions(self, wanted: SessionFilter) -> int:
        """How many sessions match."""
        return await self._store.sessions.count(self._departed.hidden(wanted))

    async def statistics(self, name: str) -> SessionCounts:
        """How many sessions a provider has, as a list of them would tell it, and its own statistic beside that."""
        provider = self.directory.get(name)
        reports, own = await asyncio.gather(self._listing.refresh([provider], None), own_statistics(provider))
        counts = shown(await self._store.sessions.count_by_status(name))
        return SessionCounts(counts, reports[0].as_of or self._clock.now(), own)

    async def updated_at(self, session: Session) -> datetime:
        """When anything about a session last changed, as a gateway saw it."""
        return await self._store.sessions.changed_at(session.ref) or session.observed_at or self._clock.now()

    async def _page(self, wanted: SessionFilter, order: SessionOrder, part: PageRequest) -> ListPage:
        """A slice as it is in the store: what other gateways have changed there is known by the log."""
        key, mark = (wanted, order, part), self._mark()

        async def read() -> ListPage:
            found = await self._store.sessions.page(self._departed.hidden(wanted), order, part.with_lookahead)
            if self._departed.noticed(row.position.provider for row in found):
                found = await self._store.sessions.page(self._departed.hidden(wanted), order, part.with_lookahead)
            rows, more = trimmed(found, part.limit, backwards=part.backwards)
            page = ListPage(rows, more, whole=not any(row.session.partial for row in rows))
            self._pages.put(key, mark, page)
            return page

        found = self._pages.get(key, mark)
        return await self._page_reads.do((key, mark), read) if found is None else found

    def _mark(self) -> tuple[int, int]:
        """What was written to the store, by others as far as the log was read, and here."""
        return self._hub.head, self._observation.saved

    async def _recall(self, ref: SessionRef, max_age: timedelta | None) -> Session | None:
        """A session from the store, as fresh as another gateway has found it, and at hand from now on."""
        stored = await self._store.sessions.load(ref)
        if stored is None:
            return None
        if not self._fresh(stored.session, max_age) and (seen_at := await self._confirmations.confirmed_at(stored)):
            stored = replace(stored, session=replace(stored.session, observed_at=seen_at))
        self._cache.put(stored)
        return stored.session

    async def _kept_session(self, ref: SessionRef) -> Session | None:
        """A session as it is stored; where that cannot be read, as its provider has it, or what is left of it."""
        stored = await self._store.sessions.load(ref)
        if stored is None:
            return None
        if stored.fault is None or ref.provider not in self.directory:
            return stored.session
        try:
            return await self._reads.do(ref, lambda: self._fetch(ref, ChangeSource.READ, {}))
        except SigningError:
            return stored.session

    def _asked(self, names: Sequence[str] | None) -> list[Connected]:
        if names is None:
            return list(self.directory)
        return [self.directory.get(name, path=("filter", "providers")) for name in dict.fromkeys(names)]

    def _fresh(self, session: Session, max_age: timedelta | None) -> bool:
        if session.observed_at is None or max_age == _LIVE:
            return False
        default = self._freshness.final if session.settled else self._freshness.open
        age = timedelta(seconds=default) if max_age is None else max_age
        return self._clock.now() - session.observed_at < age

    async def _fetch(self, ref: SessionRef, source: ChangeSource, digests: Mapping[str, bytes]) -> Session:
        """Reads a session at its provider; one that was known and is gone becomes DELETED.

        A reading that a mutation has overtaken may tell what was before it, or what came after: then it is read again.
        """
        for _ in range(_LOOKS):
            known = self._cache.get(ref) or await self._store.sessions.get(ref)
            begun_at = self._clock.now()
            try:
                seen = await self.directory.get(ref.provider).adapter.fetch_session(ref.key, known)
            except NotFound:
                if known is None:
                    raise
                seen = gone(known)
                digests = digests or forgotten_rows(known, seen)
            found = await self.observe(seen, source, digests, begun_at=begun_at)
            overtaken = found.observed_at is not None and found.observed_at > begun_at
            if not overtaken or found.source is not ChangeSource.MUTATION:
                break
        return found

    async def _completed(self, rows: Sequence[SessionRow]) -> Sequence[SessionRow]:
        """The rows, those that a list told only in part read in full; what cannot be read stays as it is known."""
        return await asyncio.gather(*(self._complete(row) for row in rows))

    async def _complete(self, row: SessionRow) -> SessionRow:
        if not row.session.partial:
            return row
        try:
            async with asyncio.timeout(self._freshness.list_wait):
                return replace(row, session=await self.session(row.session.ref))
        except (SigningError, TimeoutError):
            return replace(row, session=replace(row.session, stale=True))


def _require_key(provider: Connected, key: str, name: str) -> None:
    """Raises ``NotFound`` for what can be no key of a provider's sessions, before it is looked for anywhere."""
    if not provider.adapter.is_valid_key(key):
        raise NotFound(f"{provider.name} has no sessions of such a key.", path=(name,), provider=provider.name)


def trimmed(found: Sequence[T], limit: int, *, backwards: bool) -> tuple[Sequence[T], bool]:
    """A slice that was read one too far, cut to its limit, and whether there was more."""
    if len(found) <= limit:
        return found, False
    return (found[1:] if backwards else found[:-1]), True
