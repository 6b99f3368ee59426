"""What is known: sessions and signatures, read through to their providers where that is too old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from mimetypes import guess_type
from typing import Final, Literal, TypeVar

from gateway.cache import SessionCache
from gateway.confirmation import Confirmations
from gateway.directory import Connected, Directory
from gateway.flight import Flight
from gateway.hub import Hub
from gateway.links import Link, Links
from gateway.listing import Listing, SourceReport
from gateway.redis import connect
from gateway.schedule import Schedule
from gateway.settings import Settings
from gateway.signing.inspection import Inspection
from gateway.signing.observation import Observation
from gateway.store import (
    Row,
    SessionFilter,
    SessionOrder,
    Settlement,
    SignatureFilter,
    SignaturePosition,
    Slice,
    StagedFile,
    Store,
)
from gateway.uploads import Uploads
from gateway.viewer import Viewer
from gateway.vigil import Vigil
from gateway.wake import Wake
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import NotFound, SigningError, WrongState
from providers.model import (
    ChangeSource,
    Content,
    Document,
    DocumentStatus,
    Session,
    SessionRef,
    SessionStatus,
    Signature,
    Statistics,
)
from providers.verification import SignatureReport

T = TypeVar("T")

_ACTIONS: Final = dict.fromkeys(
    (
        Operation.UPDATE_SESSION,
        Operation.START_SESSION,
        Operation.CANCEL_SESSION,
        Operation.DELETE_SESSION,
        Operation.DUPLICATE_SESSION,
        Operation.RECREATE_SESSION,
        Operation.SET_SIGNING_ORDER,
        Operation.ADD_DOCUMENT,
        Operation.UPDATE_DOCUMENT,
        Operation.REMOVE_DOCUMENT,
        Operation.ADD_PARTICIPANT,
        Operation.ADD_SELF,
        Operation.UPDATE_PARTICIPANT,
        Operation.REMOVE_PARTICIPANT,
        Operation.ADD_FIELD,
        Operation.UPDATE_FIELD,
        Operation.REMOVE_FIELD,
        Operation.SAVE_SIGNATURE,
        Operation.DELETE_SIGNATURE,
    ),
    "sessions:write",
) | {Operation.DOWNLOAD_DOCUMENT: "documents:read"}
"""What can be done with one session, and the scope that it needs."""
_LOOKS: Final = 3
_WITHOUT_BYTES: Final = frozenset({DocumentStatus.PROCESSING, DocumentStatus.FAILED, DocumentStatus.DELETED})


@dataclass(frozen=True, slots=True)
class SessionList:
    """A slice of the list of sessions; ``more`` says whether it goes on in the direction that was read."""

    rows: Sequence[Row]
    more: bool
    sources: Sequence[SourceReport]


@dataclass(frozen=True, slots=True)
class SignatureList:
    """A slice of the list of signatures; ``more`` says whether it goes on in the direction that was read."""

    rows: Sequence[tuple[Signature, SignaturePosition]]
    more: bool
    sources: Sequence[SourceReport]


class Reading:
    """Sessions and signatures as they are, the bytes behind them, and the one door for change."""

    def __init__(self, settings: Settings, directory: Directory, store: Store, uploads: Uploads, clock: Clock) -> None:
        self.directory = directory
        self.uploads = uploads
        self._freshness = settings.freshness
        self._store = store
        self._clock = clock
        self._links = Links(settings.server, clock)
        self._cache = SessionCache(settings.freshness)
        self._redis = connect(settings.redis.url)
        self._wake = Wake(self._redis, clock)
        self._confirmations = Confirmations(self._redis, settings.freshness.open, clock)
        self._hub = Hub(store.events, self._cache, self._wake, settings.events, clock)
        self._vigil = Vigil(directory, clock)
        self._schedule = Schedule(store, directory, clock)
        self._observation = Observation(
            store, self._cache, self._confirmations, clock, told=self._wake.ring, soon=self._schedule.soon
        )
        self._listing = Listing(
            store,
            self._schedule,
            settings.freshness,
            clock,
            observe=self.observe,
            fetch=self._fetch,
            watched=settings.watch.enabled,
        )
        self._inspection = Inspection(clock, tuple(path.read_bytes() for path in settings.trust.roots))
        self._reads: Flight[Session] = Flight()
        self._inspections: Flight[SignatureReport] = Flight()

    async def open(self) -> None:
        """Begins to follow the log."""
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
        await self._reads.close()
        await self._inspections.close()
        await self._cache.close()

    def provider_health(self, names: Sequence[str] | None = None) -> AsyncIterator[Connected]:
        """Providers as they are now, and again whenever their health or connection changes. Raises ``NotFound``."""
        return self._vigil.watch(names, ("names",))

    async def observe(
        self,
        seen: Session,
        source: ChangeSource,
        digests: Mapping[str, bytes] | None = None,
        settlement: Settlement | None = None,
        begun_at: datetime | None = None,
    ) -> Session:
        """The one door for change: keeps what was seen, and returns the session as it is now known.

        ``settlement`` is what ends with it, in the same transaction; ``begun_at`` is when a reading was asked for.
        """
        return await self._observation.observe(seen, source, digests, settlement, begun_at)

    async def session(self, ref: SessionRef, max_age: timedelta | None = None) -> Session:
        """A session, read at its provider where what is known is older than ``max_age``.

        Where the provider does not answer, what is known comes back marked as stale. Raises ``NotFound``.
        """
        self.directory.get(ref.provider, path=("id",))
        known = await self._cache.get(ref) or await self._recall(ref, max_age)
        if known is not None and not known.partial and self._fresh(known, max_age):
            return known
        try:
            return await self._reads.do(ref, lambda: self._fetch(ref, ChangeSource.READ, {}))
        except SigningError:
            if known is None:
                raise
            return replace(known, stale=True)

    async def known(self, ref: SessionRef) -> Session:
        """A session as it is known, or the one that it has become a part of. Asks no provider. Raises ``NotFound``."""
        if (held := await self._cache.get(ref)) is not None:
            return held
        stored = await self._store.sessions.stored(ref)
        if stored is None:
            row = (await self._store.sessions.listed(ref.provider, [ref.key])).get(ref.key)
            stored = await self._store.sessions.stored(SessionRef(ref.provider, row.session_key)) if row else None
        if stored is None:
            raise NotFound("There is no such session.", path=("id",))
        await self._cache.put(stored)
        return stored.session

    async def session_by_key(self, provider: str, key: str, max_age: timedelta | None = None) -> Session:
        """A session by the provider's own identifier, or that of one of its parts."""
        self.directory.get(provider, path=("provider",))
        rows = await self._store.sessions.listed(provider, [key])
        return await self.session(SessionRef(provider, rows[key].session_key if key in rows else key), max_age)

    async def sessions(
        self, wanted: SessionFilter, order: SessionOrder, part: Slice, max_age: timedelta | None = None
    ) -> SessionList:
        """A slice of one list over all providers, and how fresh each provider's share is."""
        sources = await self._listing.refresh(self._asked(wanted.providers), max_age)
        found = await self._store.sessions.page(wanted, order, replace(part, limit=part.limit + 1))
        rows, more = _trimmed(found, part.limit, backwards=part.backwards)
        return SessionList(await self._completed(rows), more, sources)

    async def count_sessions(self, wanted: SessionFilter) -> int:
        """How many sessions match."""
        return await self._store.sessions.count(wanted)

    async def statistics(self, name: str) -> Statistics:
        """How many sessions a provider has: its own count where it keeps one, else ours."""
        provider = self.directory.get(name)
        if provider.can(Operation.STATISTICS):
            return await provider.adapter.fetch_statistics()
        tally = await self._store.sessions.tally(name)
        return Statistics(by_status={SessionStatus(status): count for status, count in tally.items()})

    def actions(self, session: Session, viewer: Viewer) -> list[Operation]:
        """What a viewer can do with a session now: what its provider can, in its state, with the viewer's scopes."""
        can = self.directory.get(session.provider).capabilities
        possible = [each for each, scope in _ACTIONS.items() if scope in viewer.scopes and can.possible(each, session.status)]
        nothing = not any(map(self.has_bytes, session.documents))
        return [each for each in possible if not (nothing and each is Operation.DOWNLOAD_DOCUMENT)]

    def has_bytes(self, document: Document) -> bool:
        """Whether there are bytes of a document that its provider gives back."""
        returns = self.directory.get(document.session.provider).capabilities.returns
        return document.role in returns and document.status not in _WITHOUT_BYTES

    async def signatures(
        self,
        wanted: SignatureFilter,
        limit: int,
        *,
        after: SignaturePosition | None = None,
        before: SignaturePosition | None = None,
        backwards: bool = False,
    ) -> SignatureList:
        """A slice of one list of signatures over all providers, newest first."""
        able = [each for each in self._asked(wanted.providers) if each.can(Operation.LIST_SIGNATURES)]
        sources = await self._listing.refresh(able, None)
        found = await self._store.signatures.page(wanted, limit + 1, after, before, backwards=backwards)
        places, more = _trimmed(found, limit, backwards=backwards)
        sessions = await asyncio.gather(*(self._store.sessions.get(place.session) for place in places))
        pairs = (
            (session.signature(place.key) if session else None, place) for session, place in zip(sessions, places, strict=True)
        )
        return SignatureList([(each, place) for each, place in pairs if each is not None], more, sources)

    async def count_signatures(self, wanted: SignatureFilter) -> int:
        """How many signatures match."""
        return await self._store.signatures.count(wanted)

    async def upload(self, chunks: AsyncIterator[bytes], *, filename: str | None, media_type: str | None) -> StagedFile:
        """Stages a file, to be named by a later mutation."""
        return await self.uploads.stage(chunks, filename=filename, media_type=media_type)

    def link(self, kind: Literal["document", "signature"], session: SessionRef, key: str, lasting: timedelta) -> Link:
        """A link to the bytes of a document or a signature that needs no other credential."""
        return self._links.make(kind, session.provider, session.key, key, lasting)

    @asynccontextmanager
    async def download(self, token: str) -> AsyncIterator[Content]:
        """Opens what a link leads to."""
        target = self._links.open(token)
        ref = SessionRef(target.provider, target.session)
        session = await self.session(ref)
        provider = self.directory.get(ref.provider)
        adapter = provider.adapter
        document, signature = session.document(target.key), session.signature(target.key)
        if target.kind == "document" and document is not None:
            if not provider.capabilities.possible(Operation.DOWNLOAD_DOCUMENT, session.status):
                raise WrongState(f"{provider.name} gives back no documents while the session is {session.status}.")
            async with adapter.download_document(session, document) as content:
                yield _named(content, document.filename or document.title)
        elif target.kind == "signature" and signature is not None:
            async with adapter.download_signature(session, signature) as content:
                yield content
        else:
            raise NotFound("What this link leads to is gone.")

    async def inspect(self, signature: Signature) -> SignatureReport:
        """Reads and checks a signature, once for all who ask at a time; the provider's word is not taken for it."""

        async def look() -> SignatureReport:
            adapter = self.directory.get(signature.session.provider).adapter
            return await self._inspection.inspect(adapter, await self.session(signature.session), signature)

        return await self._inspections.do(signature, look)

    async def _recall(self, ref: SessionRef, max_age: timedelta | None) -> Session | None:
        """A session from the store, taken at hand where it is fresh, also by what another gateway has found."""
        stored = await self._store.sessions.stored(ref)
        if stored is None:
            return None
        if not self._fresh(stored.session, max_age) and (seen_at := await self._confirmations.seen_at(stored)):
            stored = replace(stored, session=replace(stored.session, observed_at=seen_at))
        if self._fresh(stored.session, max_age):
            await self._cache.put(stored)
        return stored.session

    def _asked(self, names: Sequence[str] | None) -> list[Connected]:
        if names is None:
            return list(self.directory)
        return [self.directory.get(name, path=("filter", "providers")) for name in dict.fromkeys(names)]

    def _fresh(self, session: Session, max_age: timedelta | None) -> bool:
        if session.observed_at is None:
            return False
        default = self._freshness.final if session.settled else self._freshness.open
        age = timedelta(seconds=default) if max_age is None else max_age
        return self._clock.now() - session.observed_at < age

    async def _fetch(self, ref: SessionRef, source: ChangeSource, digests: Mapping[str, bytes]) -> Session:
        """Reads a session at its provider; one that was known and is gone becomes DELETED.

        A reading that a mutation has overtaken may tell what was before it, or what came after: then it is read again.
        """
        for _ in range(_LOOKS):
            known, begun_at = await self._store.sessions.get(ref), self._clock.now()
            try:
                seen = await self.directory.get(ref.provider).adapter.fetch_session(ref.key, known)
            except NotFound:
                if known is None:
                    raise
                seen = known if known.status in _ENDED else deleted(known)
            found = await self.observe(seen, source, digests, begun_at=begun_at)
            overtaken = found.observed_at is not None and found.observed_at > begun_at
            if not overtaken or found.source is not ChangeSource.MUTATION:
                break
        return found

    async def _completed(self, rows: Sequence[Row]) -> list[Row]:
        """The rows, those that a list told only in part read in full; what cannot be read stays as it is known."""
        return list(await asyncio.gather(*(self._complete(row) for row in rows)))

    async def _complete(self, row: Row) -> Row:
        if not row.session.partial:
            return row
        try:
            async with asyncio.timeout(self._freshness.list_wait):
                return Row(await self.session(row.session.ref), row.position)
        except (SigningError, TimeoutError):
            return Row(replace(row.session, stale=True), row.position)


_ENDED = frozenset(
    {
        SessionStatus.DECLINED,
        SessionStatus.CANCELED,
        SessionStatus.EXPIRED,
        SessionStatus.FAILED,
        SessionStatus.DELETED,
    }
)
"""Ended without a result: where such a session is gone, perhaps by our own hand, its end is worth more than that."""


def deleted(session: Session) -> Session:
    """What is left to say of a session that its provider has no more."""
    return replace(session, status=SessionStatus.DELETED, provider_status=None, documents=(), signatures=(), partial=False)


def _trimmed(found: Sequence[T], limit: int, *, backwards: bool) -> tuple[Sequence[T], bool]:
    """A slice that was read one too far, cut to its limit, and whether there was more."""
    if len(found) <= limit:
        return found, False
    return (found[1:] if backwards else found[:-1]), True


def _named(content: Content, name: str | None) -> Content:
    """Under the name that we know, as the provider's may have lost letters; unless it made another type of the file."""
    ours = name and (not content.filename or guess_type(name)[0] == content.media_type)
    return replace(content, filename=name) if ours else content
