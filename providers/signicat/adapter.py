"""Adapter: Signicat Sign API v2 behind the operations of every provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from providers.adapter import Adapter
from providers.capability import Capabilities
from providers.clock import Clock
from providers.errors import AuthorizationRequired, Invalid, NotFound, SigningError, WrongState
from providers.http.credentials import Auth, BearerAuth, Credentials, CredentialState, Token
from providers.http.message.response import ErrorDetail, Response
from providers.http.response_memo import ResponseMemo
from providers.http.transport import Transport
from providers.model import (
    Content,
    Document,
    ListRow,
    Page,
    Session,
    SessionRef,
    SessionStatus,
    Signature,
)
from providers.orders import DocumentChange, Order
from providers.provenance import Rule
from providers.saga import Pivot, Step, Steps
from providers.signicat.capability import CAPABILITIES, OPEN, WITH_DOCUMENTS
from providers.signicat.client import COLLECTION, SESSION, Search, SignicatClient, Slice, fetch_token
from providers.signicat.composition.creation import SessionCreation
from providers.signicat.composition.duplication import copy_documents, repeat_order
from providers.signicat.composition.native_order import ACTION
from providers.signicat.composition.native_session import NativeSession
from providers.signicat.composition.removal import Removal, canceled_session, is_removal
from providers.signicat.composition.session_reader import SessionReader
from providers.signicat.errors import dropped_document, fault, wrong_status
from providers.signicat.orders import name_objections, native_order, objections
from providers.signicat.provenance import RULES
from providers.signicat.sessions import Snapshot, expired_session
from providers.signicat.settings import SignicatSettings
from providers.signicat.webhook import decode_hint
from providers.webhook import Hint, WebhookSettings

_CLOCK_SKEW = timedelta(minutes=5)


class SignicatAdapter(Adapter):
    """Adapter of one Signicat account.

    The key of a composed session is that of its document collection; of any other, that of its native session.
    """

    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = CAPABILITIES
    settings: SignicatSettings

    def __init__(self, settings: SignicatSettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        super().__init__(settings, transport=transport, clock=clock)
        self.client = SignicatClient(self.http, settings)
        self._reader = SessionReader(self.client, settings.name, self.clock)
        self._creation = SessionCreation(self.client, settings.name, self.clock)
        self._removal = Removal(self.client, self._reader)
        self._credentials = Credentials(CredentialState.UNKNOWN)
        self._pages: ResponseMemo[Page] = ResponseMemo()

    @property
    def credentials(self) -> Credentials:
        """Whether Signicat issued a token at the last request for one."""
        return self._credentials

    def auth(self) -> Auth:
        """Bearer token of the client credentials grant: lives 300 seconds unless Signicat says otherwise, renewed 10 early."""
        return BearerAuth(self._fetch_token, self.clock)

    def parse_error(self, reply: Response) -> ErrorDetail:
        """Decodes an error body; see ``errors``."""
        return fault(reply)

    @property
    def webhook(self) -> WebhookSettings:
        """Settings of the HMAC by which events are verified."""
        return self.settings.webhook

    def parse_webhook(self, body: bytes) -> Hint:
        """Decodes an event. The session's key is spelled ``Id`` in ``package.completed`` and ``id`` in others."""
        return decode_hint(body)

    def validate_order(self, order: Order) -> Iterator[Invalid]:
        """Objections of Signicat to an order; see ``orders``."""
        return objections(order)

    async def fetch_session(self, key: str, previous: Session | None = None) -> Session:
        """Reads the native sessions of a session, their collections and metadata.

        A session that the gateway did not create has one participant. ``created_at`` is that of the earliest document,
        ``completed_at`` that of the last result, as Signicat states neither. One that is gone after its due date is
        EXPIRED if it was open when last seen, as Signicat deletes it without a trace.
        """
        try:
            return await self._reader.session(key, previous)
        except NotFound:
            if previous and not previous.final and previous.due_at and previous.due_at < self.clock.now():
                return expired_session(previous)
            raise

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """A slice of the native sessions; Signicat lists no more than the first 100,000.

        A row has neither a creation time nor the packages of its collection (see ``Snapshot``).
        """
        listed = await self.client.list_sessions(offset, limit)
        return self._pages.get_or_make((offset, limit), listed, lambda: self._page(listed))

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """Uploads the documents, collects them, and creates a native session for each participant."""
        return await self._creation.create(native_order(order), steps)

    async def duplicate_session(self, session: Session, title: str | None, marker: str, steps: Steps) -> Session:
        """Creates native sessions like the existing ones, for a new upload of the same documents."""
        return await self._duplicate(session, title, marker, steps, when=WITH_DOCUMENTS)

    async def recreate_session(self, session: Session, title: str | None, reason: str, marker: str, steps: Steps) -> Session:
        """Duplicates an open session, then deletes it; the deletion is rolled forward once it has begun.

        Where only a part of the session can be deleted, it has ended all the same, as its documents are gone with that part.
        """
        replacement = await self._duplicate(session, title, marker, steps, when=OPEN, replaces=True)
        await self._replace(session, replacement, steps)
        return replacement

    async def cancel_session(self, session: Session, reason: str, steps: Steps | None = None) -> Session:
        """Deletes an open session, as Signicat has no cancellation; returns it as CANCELED.

        Reads it first: a deletion takes the results along, and everyone may have signed meanwhile.
        """
        now = await self.fetch_session(session.key, session)
        _require(now, OPEN)
        return await self._removal.remove(now, canceled_session(now, reason), steps or Steps())

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Deletes the native sessions, the last to sign first, and then the collection where no other session uses it."""
        await self._removal.remove(session, replace(session, status=SessionStatus.DELETED), steps or Steps())

    async def update_document(self, session: Session, document: Document, change: DocumentChange) -> Session:
        """Changes the names of a document or of a result."""
        for objection in name_objections(change, ("input",)):
            raise objection
        names = {"filename": change.filename, "title": change.title, "description": change.description}
        try:
            await self.client.name_document(document.key, {name: value for name, value in names.items() if value is not None})
            metadata = await self.client.fetch_metadata(document.key)
        except NotFound as error:
            raise dropped_document(session.provider) from error
        named = replace(document, filename=metadata.filename, title=metadata.title, description=metadata.description)
        documents = tuple(named if item.key == document.key else item for item in session.documents)
        return await self.fetch_session(session.key, replace(session, documents=documents))

    def download_document(self, session: Session, document: Document) -> AbstractAsyncContextManager[Content]:
        """Opens a document, a signature or a package: at Signicat all of them are documents."""
        return self.client.download(document.key)

    def download_signature(self, session: Session, signature: Signature) -> AbstractAsyncContextManager[Content]:
        """Opens the XML of a signature, or the PDF that carries it."""
        return self.client.download(signature.document or signature.key)

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """The signatures made so far."""
        return (await self.fetch_session(session.key, session)).signatures

    async def compensate(self, step: Step) -> None:
        """Compensates a step by deletion. Idempotent: Signicat may have deleted it along with a session."""
        await self.client.delete(step.name, step.key)

    async def has_invited(self, step: Step) -> bool:
        """Whether somebody has signed or declined a native session; nobody sees its link before it is stored."""
        return step.name == SESSION and (await self.client.find_session(step.key)).acted

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Rolls forward: finishes a removal, or creates the missing native sessions and deletes the session they replace."""
        if is_removal(pivot):
            return await self._finish_removal(pivot, steps)
        search = Search(created_from=since - _CLOCK_SKEW)
        existing = [part async for part in self.client.find_sessions(search) if part.has_marker(marker)]
        session = await self._creation.roll_forward(pivot, existing, steps)
        if session is None or pivot.original is None:
            return session
        try:
            await self._replace(pivot.original, session, steps)
        except NotFound:
            return session
        except WrongState:
            return None  # everyone has signed the original meanwhile
        return session

    async def find_by_marker(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """The native sessions whose external reference ends in the marker, newest first, and their collections.

        An upload or a collection whose answer was lost cannot be found, as Signicat lists neither. Both are harmless:
        nobody is asked to sign what no session uses, and Signicat drops the document after 30 minutes.
        """
        search = Search(created_from=since - _CLOCK_SKEW)
        parts = {part.key: part async for part in self.client.find_sessions(search) if part.has_marker(marker)}
        collections = dict.fromkeys(key for part in parts.values() for key in sorted(part.collections))
        return (*(Step(SESSION, key) for key in parts), *(Step(COLLECTION, key) for key in collections))

    async def _fetch_token(self) -> Token:
        try:
            token = await fetch_token(self.http, self.settings)
        except AuthorizationRequired:
            self._credentials = Credentials(CredentialState.REFUSED, note="Check client_id and client_secret.")
            raise
        self._credentials = Credentials(CredentialState.CONNECTED)
        return token

    async def _finish_removal(self, pivot: Pivot, steps: Steps) -> Session | None:
        """Rolls a removal forward; None where everyone has signed before the first deletion of a cancellation."""
        if pivot.original is not None and pivot.session.status is SessionStatus.CANCELED:
            with suppress(NotFound):
                now = await self.fetch_session(pivot.original.key, pivot.original)
                if now.status not in OPEN | {SessionStatus.CANCELED}:
                    return None
        return await self._removal.finish(pivot, steps)

    async def _replace(self, original: Session, replacement: Session, steps: Steps) -> None:
        """Deletes an open session that has a replacement."""
        now = await self.fetch_session(original.key, original)
        _require(now, OPEN)
        await steps.record_replacement(replacement, [step for _, step in await self._removal.pieces(now)])
        try:
            await self.delete_session(now)
        except SigningError:
            if not await self._has_ended(original):
                raise

    async def _duplicate(
        self,
        session: Session,
        title: str | None,
        marker: str,
        steps: Steps,
        *,
        when: frozenset[SessionStatus],
        replaces: bool = False,
    ) -> Session:
        snapshot = await self._reader.snapshot(session.key, session)
        now = snapshot.session()
        _require(now, when)
        parts, at = snapshot.parts, self.clock.now()
        collections = snapshot.collections or await self._reader.collections(parts[0])
        originals = [document for document in now.documents if document.role in ACTION]
        async with copy_documents(self.client, originals) as documents:
            order = repeat_order(now, parts, collections, documents, title=title, marker=marker, now=at)
            return await self._creation.create(order, steps, session if replaces else None)

    async def _has_ended(self, session: Session) -> bool:
        """Whether a native session was deleted, and with it the documents of all."""
        parts = [await self.client.find_session(key) for key in session.parts or (session.key,)]
        return any(part.wire is None for part in parts)

    def _page(self, listed: Slice) -> Page:
        rows = tuple(map(self._row, listed.rows))
        return Page(rows=rows, total=listed.total, next_offset=listed.following, unreadable=listed.unreadable)

    def _row(self, part: NativeSession) -> ListRow:
        def read() -> Session:
            ref = SessionRef(self.settings.name, part.key)
            return Snapshot(ref=ref, parts=(part,), now=self.clock.now(), partial=True).session()

        return ListRow(key=part.key, native=part.native, read=read)


def _require(session: Session, allowed: frozenset[SessionStatus]) -> None:
    if session.status not in allowed:
        raise wrong_status(session, allowed)
