"""The verbs that Signicat has, as calls to its Sign API v2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from providers.adapter import Adapter
from providers.capability import Capabilities, Capability, Limits, Operation, Support, operations
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
    ParticipantStatus,
    Session,
    SessionKind,
    SessionRef,
    SessionStatus,
    Signature,
)
from providers.orders import DocumentChange, Order
from providers.provenance import Rule
from providers.saga import Pivot, Step, Steps
from providers.signicat.client import COLLECTION, SESSION, Search, SignApi, Slice, fault_of, fetch_token
from providers.signicat.composition.native_order import ACTION
from providers.signicat.composition.native_session import LONGEST_MARKER, Part, external_reference
from providers.signicat.composition.opening import Opening
from providers.signicat.composition.reading import Reader
from providers.signicat.composition.reconstruction import copied, repeated
from providers.signicat.composition.removal import Removal, canceled, ends
from providers.signicat.orders import demanded, name_problems, problems
from providers.signicat.provenance import RULES
from providers.signicat.sessions import Reading
from providers.signicat.webhook import hint
from providers.signicat.wire import LANGUAGES, SignicatSettings
from providers.webhook import Hint, WebhookSettings

_OPEN = frozenset({SessionStatus.PENDING, SessionStatus.IN_PROGRESS, SessionStatus.UNKNOWN})
_KEPT = _OPEN | {SessionStatus.PROCESSING, SessionStatus.COMPLETED, SessionStatus.DECLINED}
"""Signicat still has the documents: it drops them with a session, and when one is due."""
_ENDED = frozenset({SessionStatus.CANCELED, SessionStatus.EXPIRED})
_CLOCKS_APART = timedelta(minutes=5)
_LONGEST_NAME = len(external_reference("", "0" * LONGEST_MARKER, 100))
_COPY_NOTE = (
    "The documents are uploaded again, and the new session is open at once, as Signicat has no drafts. What Signicat "
    "does not repeat of a session is not copied: who the signer of a foreign one is, for example."
)


class SignicatAdapter(Adapter):
    """Signicat Sign API v2.

    A composed session has the key of its document collection; any other has that of its native session.
    """

    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.SIGNING,
        operations=operations(
            Capability(Operation.CREATE_SESSION, Support.COMPOSED, "One native session for each participant."),
            Capability(Operation.LIST_SESSIONS, Support.NATIVE, "A row for each native session."),
            Capability(Operation.CANCEL_SESSION, Support.COMPOSED, "By deletion: Signicat forgets the session.", _OPEN),
            Capability(Operation.DELETE_SESSION, Support.COMPOSED, when=_KEPT | _ENDED),
            Capability(Operation.DUPLICATE_SESSION, Support.COMPOSED, _COPY_NOTE, _KEPT),
            Capability(
                Operation.RECREATE_SESSION, Support.COMPOSED, f"{_COPY_NOTE} The original is canceled by deletion.", _OPEN
            ),
            Capability(Operation.UPDATE_DOCUMENT, Support.NATIVE, when=_KEPT),
            Capability(Operation.DOWNLOAD_DOCUMENT, Support.NATIVE, when=_KEPT),
            Capability(Operation.LIST_SIGNATURES, Support.NATIVE),
            Capability(
                Operation.WEBHOOKS,
                Support.NATIVE,
                "Set up in Signicat's dashboard for the account; webhook.secrets has the secret.",
            ),
            Capability(Operation.ARCHIVE, Support.NATIVE, "Signicat's support has to enable it for the account."),
        ),
        media_types=frozenset({"application/pdf", "text/plain", "text/markdown"}),
        languages=LANGUAGES,
        due_date=True,
        limits=Limits(documents=50, participants=100, title=255, message=2048, reference=1024 - _LONGEST_NAME, due_in=45),
    )

    settings: SignicatSettings

    def __init__(self, settings: SignicatSettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        super().__init__(settings, transport=transport, clock=clock)
        self.api = SignApi(self.http, settings)
        self._reader = Reader(self.api, settings.name, self.clock)
        self._opening = Opening(self.api, settings.name, self.clock)
        self._removal = Removal(self.api, self._reader)
        self._credentials = Credentials(CredentialState.UNKNOWN)
        self._pages: ResponseMemo[Page] = ResponseMemo()

    @property
    def credentials(self) -> Credentials:
        """Whether Signicat gave us a token when it was last asked for one."""
        return self._credentials

    def authorization(self) -> Auth:
        """A token for client credentials; good for 300 seconds where Signicat does not say, and replaced 10 early."""
        return BearerAuth(self._fetch_token, self.clock)

    def parse_error(self, reply: Response) -> ErrorDetail:
        """Reads problem+json, OAuth's errors and what older products send; a body of ``{}`` says nothing."""
        return fault_of(reply)

    @property
    def webhook(self) -> WebhookSettings:
        """How events are proven to be Signicat's."""
        return self.settings.webhook

    def parse_webhook(self, body: bytes) -> Hint:
        """What an event says: of ``package.completed`` the session's key is spelled ``Id``, of others ``id``."""
        return hint(body)

    def validate_order(self, order: Order) -> Iterator[Invalid]:
        """What Signicat would refuse, or could never finish."""
        yield from problems(order)

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        """Reads the native sessions of a session, and what belongs to them.

        A session that the gateway did not make has one participant. Its ``created_at`` is that of its earliest
        document, and ``completed_at`` that of its last result, as Signicat states neither. One that is gone after it
        was due is EXPIRED if it was open when last seen, as that is all that Signicat shows of it.
        """
        try:
            return await self._reader.session(key, known)
        except NotFound:
            if known and not known.final and known.due_at and known.due_at < self.clock.now():
                return _expired(known)
            raise

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """Native sessions; those beyond the first 100,000 are out of reach.

        A row does not say when it was created, nor whether a package is outstanding (see ``Reading``).
        """
        found = await self.api.list_sessions(offset, limit)
        return self._pages.get_or_make((offset, limit), found, lambda: self._page(found))

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """Uploads the documents, collects them, and opens a native session for each participant."""
        return await self._opening.open(demanded(order), steps)

    async def duplicate_session(self, session: Session, title: str | None, marker: str, steps: Steps) -> Session:
        """Opens native sessions like those that Signicat has, for a fresh upload of the same documents."""
        return await self._repeat(session, title, marker, steps, when=_KEPT)

    async def recreate_session(self, session: Session, title: str | None, reason: str, marker: str, steps: Steps) -> Session:
        """Duplicates an open session, then deletes it, which is finished and never undone once it has begun.

        Where only a part of it can be deleted, it is over all the same, for its documents are gone: the new one stays.
        """
        made = await self._repeat(session, title, marker, steps, when=_OPEN, replaces=True)
        await self._replace(session, made, steps)
        return made

    async def cancel_session(self, session: Session, reason: str, steps: Steps | None = None) -> Session:
        """Deletes an open session, as Signicat has no other way; keeps it for us as canceled.

        It is read first: deleting takes the results along, and everyone may have signed meanwhile.
        """
        now = await self.fetch_session(session.key, session)
        _require(now, _OPEN)
        return await self._removal.end(now, canceled(now, reason), steps or Steps())

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Deletes the native sessions, the last to sign first, and then the collection if it was theirs alone."""
        await self._removal.end(session, replace(session, status=SessionStatus.DELETED), steps or Steps())

    async def update_document(self, session: Session, document: Document, change: DocumentChange) -> Session:
        """Changes what a document, or a result, is called."""
        for problem in name_problems(change, ("input",)):
            raise problem
        names = {"filename": change.filename, "title": change.title, "description": change.description}
        try:
            await self.api.name_document(document.key, {name: value for name, value in names.items() if value is not None})
            said = await self.api.fetch_metadata(document.key)
        except NotFound as error:
            what = "Signicat has dropped this document: it keeps one until its session is due or deleted."
            raise NotFound(what, path=("input", "document"), provider=session.provider) from error
        named = replace(document, filename=said.filename, title=said.title, description=said.description)
        documents = tuple(named if item.key == document.key else item for item in session.documents)
        return await self.fetch_session(session.key, replace(session, documents=documents))

    def download_document(self, session: Session, document: Document) -> AbstractAsyncContextManager[Content]:
        """Opens a document, a signature or a package: Signicat keeps all of them as documents."""
        return self.api.download(document.key)

    def download_signature(self, session: Session, signature: Signature) -> AbstractAsyncContextManager[Content]:
        """Opens the XML of a signature, or the PDF that carries it."""
        return self.api.download(signature.document or signature.key)

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """The signatures that are there by now."""
        return (await self.fetch_session(session.key, session)).signatures

    async def compensate(self, step: Step) -> None:
        """Deletes what was made; Signicat may have deleted it already, along with a session."""
        await self.api.delete(step.name, step.key)

    async def has_invited(self, step: Step) -> bool:
        """Whether somebody has signed or declined a native session; the link to it is shown to nobody before it is kept."""
        return step.name == SESSION and (await self.api.find_session(step.key)).acted

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Finishes a removal; opens the native sessions that are missing, and deletes the session that they replace."""
        if ends(pivot):
            return await self._finish_removal(pivot, steps)
        search = Search(created_from=since - _CLOCKS_APART)
        found = [part async for part in self.api.find_sessions(search) if part.marked(marker)]
        made = await self._opening.resume(pivot, found, steps)
        if made is None or pivot.original is None:
            return made
        try:
            await self._replace(pivot.original, made, steps)
        except NotFound:
            return made
        except WrongState:
            return None  # everyone has signed the original meanwhile
        return made

    async def find_by_marker(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """The native sessions whose external reference ends in the marker, newest first, and their collections.

        An upload or a collection whose answer never came cannot be found, as Signicat lists neither. Both are
        harmless: nobody is asked to sign what no session uses, and Signicat drops the document after 30 minutes,
        which leaves a collection of nothing.
        """
        search = Search(created_from=since - _CLOCKS_APART)
        found = {part.key: part async for part in self.api.find_sessions(search) if part.marked(marker)}
        collections = dict.fromkeys(key for part in found.values() for key in sorted(part.collections))
        return (*(Step(SESSION, key) for key in found), *(Step(COLLECTION, key) for key in collections))

    async def _fetch_token(self) -> Token:
        try:
            token = await fetch_token(self.http, self.settings)
        except AuthorizationRequired:
            self._credentials = Credentials(CredentialState.REFUSED, note="Check client_id and client_secret.")
            raise
        self._credentials = Credentials(CredentialState.CONNECTED)
        return token

    async def _finish_removal(self, pivot: Pivot, steps: Steps) -> Session | None:
        """None where everyone has signed a session before the first deletion that was to cancel it."""
        if pivot.original is not None and pivot.session.status is SessionStatus.CANCELED:
            with suppress(NotFound):
                now = await self.fetch_session(pivot.original.key, pivot.original)
                if now.status not in _OPEN | {SessionStatus.CANCELED}:
                    return None
        return await self._removal.finish(pivot, steps)

    async def _replace(self, original: Session, made: Session, steps: Steps) -> None:
        """Deletes an open session for the one that was made in its place."""
        now = await self.fetch_session(original.key, original)
        _require(now, _OPEN)
        await steps.record_replacement(made, [step for _, step in await self._removal.pieces(now)])
        try:
            await self.delete_session(now)
        except SigningError:
            if not await self._over(original):
                raise

    async def _repeat(
        self,
        session: Session,
        title: str | None,
        marker: str,
        steps: Steps,
        *,
        when: frozenset[SessionStatus],
        replaces: bool = False,
    ) -> Session:
        reading = await self._reader.read(session.key, session)
        now = reading.session()
        _require(now, when)
        collections = reading.collections or await self._reader.collections(reading.parts[0])
        originals = [document for document in now.documents if document.role in ACTION]
        async with copied(self.api, originals) as documents:
            demand = repeated(now, reading.parts, collections, documents, title=title, marker=marker, now=self.clock.now())
            return await self._opening.open(demand, steps, session if replaces else None)

    async def _over(self, session: Session) -> bool:
        """Whether a native session of it was deleted, and the documents of all with it."""
        parts = [await self.api.find_session(key) for key in session.parts or (session.key,)]
        return any(part.wire is None for part in parts)

    def _page(self, found: Slice) -> Page:
        rows = tuple(map(self._row, found.rows))
        return Page(rows=rows, total=found.total, next_offset=found.following, unreadable=found.unreadable)

    def _row(self, part: Part) -> ListRow:
        def read() -> Session:
            ref = SessionRef(self.settings.name, part.key)
            return Reading(ref=ref, parts=(part,), now=self.clock.now(), partial=True).session()

        return ListRow(key=part.key, native=part.native, read=read)


def _require(session: Session, when: frozenset[SessionStatus]) -> None:
    if session.status not in when:
        possible = ", ".join(sorted(when))
        raise WrongState(
            f"The session is {session.status} at Signicat: this can be done while it is {possible}.",
            path=("input", "session"),
            provider=session.provider,
        )


def _expired(known: Session) -> Session:
    open_states = {ParticipantStatus.WAITING, ParticipantStatus.INVITED}
    people = tuple(
        replace(person, status=ParticipantStatus.EXPIRED) if person.status in open_states else person
        for person in known.participants
    )
    return replace(known, status=SessionStatus.EXPIRED, participants=people)
