"""EasyInk's verbs: a session is made as a draft, converted, started, and then only read, copied or voided.

What drafts, their people and whole sessions are about is said where it is done; here are the credentials and reads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import ClassVar

from providers.adapter import Adapter
from providers.capability import Capabilities
from providers.clock import Clock
from providers.decoding.coercion import parse_count
from providers.easyink import sessions as translation
from providers.easyink import wire
from providers.easyink.capability import CAPABILITIES
from providers.easyink.client import EasyInkApi
from providers.easyink.draft import Drafts
from providers.easyink.errors import fault, understood
from providers.easyink.lifecycle import Lifecycle
from providers.easyink.oauth import Consent
from providers.easyink.orders import objections
from providers.easyink.participants import Participants
from providers.easyink.provenance import RULES
from providers.easyink.token import REMEDY, PersonalToken
from providers.errors import AuthorizationRequired, Invalid, NotFound, WrongState
from providers.http.credentials import Auth, Credentials, CredentialState, Token
from providers.http.message.response import ErrorDetail, Response
from providers.http.transport import Transport
from providers.model import (
    Content,
    Document,
    DocumentRole,
    Field,
    Page,
    Participant,
    Session,
    SessionStatus,
    Signature,
    SigningOrder,
    Statistics,
)
from providers.orders import (
    DocumentOrder,
    FieldChange,
    FieldPlacement,
    Order,
    ParticipantChange,
    ParticipantOrder,
    SessionChange,
)
from providers.provenance import Rule
from providers.saga import Pivot, Step, Steps

_DOWNLOADS = {
    (DocumentRole.TO_SIGN, True): "download_draft_document",
    (DocumentRole.TO_SIGN, False): "download_document",
    (DocumentRole.ATTACHMENT, True): "download_draft_attachment",
    (DocumentRole.ATTACHMENT, False): "download_attachment",
    (DocumentRole.SIGNED, False): "download_signed_document",
    (DocumentRole.EVIDENCE, False): "download_all_in_one",
}


class EasyInkAdapter(Adapter):
    """EasyInk behind our verbs."""

    settings: wire.EasyInkSettings
    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(
        self, settings: wire.EasyInkSettings, *, transport: Transport | None = None, clock: Clock | None = None
    ) -> None:
        clock = clock or Clock()
        self._token = PersonalToken(settings.name, clock, settings.access_token)
        super().__init__(settings, transport=transport, clock=clock)
        self._api = EasyInkApi(self.http, settings)
        self._drafts = Drafts(self._api, clock)
        self._lifecycle = Lifecycle(self._api, self._drafts, clock)
        self._participants = Participants(self._api, self._drafts)
        self._consent = Consent(self.http, settings, clock)

    def auth(self) -> Auth:
        """The bearer token of a person."""
        return self._token

    def parse_error(self, reply: Response) -> ErrorDetail:
        """Its code, and its words with those of the inner errors; people are left out of them."""
        return fault(reply)

    @property
    def credentials(self) -> Credentials:
        """Whether there is a token, and until when it says it is good."""
        token, expires_at = self._token, self._token.expires_at
        if not token.given:
            return Credentials(CredentialState.AUTHORIZATION_REQUIRED, note=f"Nobody has given a token: {REMEDY}.")
        if expires_at is not None and expires_at <= self.clock.now():
            return Credentials(CredentialState.EXPIRED, expires_at, f"The token has ended: {REMEDY}.")
        if token.refused and isinstance(self.health.last_error, AuthorizationRequired):
            return Credentials(CredentialState.REFUSED, expires_at, f"The token was refused: {REMEDY}.")
        return Credentials(CredentialState.CONNECTED, expires_at)

    async def begin_authorization(self, state: str, challenge: str) -> str:
        """The page of EasyInk's identity host where a person signs in and consents."""
        return self._consent.address(state, challenge)

    async def complete_authorization(self, code: str, verifier: str) -> Token:
        """Exchanges the code for a token, which is used from then on. Raises ``Invalid`` for a code that is not good."""
        token = await self._consent.exchange(code, verifier)
        self.use_token(token)
        return token

    def use_token(self, token: Token) -> None:
        """Acts for the person of this token from now on."""
        self._token.use(token)
        self.http.notify_health()

    def validate_order(self, order: Order) -> Iterator[Invalid]:
        """Phone numbers, names and languages that EasyInk does not take, and what it has no room for."""
        return objections(order)

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        """Reads a session, or its draft while it is one."""
        return await self._api.session(key, known)

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """One page of a search; pages are numbered, so ``offset`` is rounded down to where one begins."""
        return await self._api.search(offset, limit)

    async def fetch_statistics(self) -> Statistics:
        """What EasyInk counts: it has no figure for sessions that have ended."""
        counts, _ = await self._api.read(wire.Counts, "fetch_statistics")
        by_status = {
            SessionStatus.DRAFT: parse_count(counts.drafts_count),
            SessionStatus.READY: parse_count(counts.ready_to_start_count),
            SessionStatus.IN_PROGRESS: parse_count(counts.in_progress_count),
        }
        return Statistics(
            by_status={status: number for status, number in by_status.items() if number is not None},
            to_sign=parse_count(counts.sessions_to_sign_count),
            needs_action=parse_count(counts.needs_action_count),
        )

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """A draft, its documents, participants and fields, then converted and started where the order says so."""
        session = await self._drafts.create(order, steps)
        return await self._lifecycle.start(session, steps) if order.start else session

    async def start_session(self, session: Session) -> Session:
        """Converts a draft and starts it; starts a session that was converted before."""
        return await self._lifecycle.start(await self.fetch_session(session.key, session))

    async def cancel_session(self, session: Session, reason: str, steps: Steps | None = None) -> Session:
        """Voids a session. One that somebody else has just voided counts as done."""
        return await self._lifecycle.cancel(session, reason)

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Deletes a draft with all that belongs to it; one that is gone counts as deleted."""
        if session.status is not SessionStatus.DRAFT:
            raise WrongState(f"Session {session.key} is no draft any more: cancel it instead.", path=("input", "session"))
        await self._drafts.drop(session.key)

    async def update_session(self, session: Session, change: SessionChange) -> Session:
        """Changes the title of a draft, and how often its people are reminded."""
        return await self._drafts.update(session, change)

    async def duplicate_session(self, session: Session, title: str | None, marker: str, steps: Steps) -> Session:
        """A new draft with the same parts, under new keys."""
        return await self._lifecycle.duplicate(session, title, marker, steps)

    async def recreate_session(self, session: Session, title: str | None, reason: str, marker: str, steps: Steps) -> Session:
        """A new draft with the same parts, and the original voided, in one step that cannot be undone."""
        return await self._lifecycle.recreate(session, title, reason, marker, steps)

    async def set_signing_order(self, session: Session, order: SigningOrder, participants: tuple[str, ...]) -> Session:
        """Has the people of a draft sign side by side or one by one; without ``participants`` as they are now."""
        return await self._drafts.arrange(session, order, participants)

    async def add_document(self, session: Session, document: DocumentOrder, steps: Steps) -> Session:
        """Uploads to a draft; the document is still being processed when this returns."""
        return await self._drafts.add_document(session, document, steps)

    async def remove_document(self, session: Session, document: Document) -> Session:
        """Removes a document with the fields on it, or an attachment, from a draft."""
        return await self._drafts.remove_document(session, document)

    async def add_participant(self, session: Session, participant: ParticipantOrder) -> Session:
        """Adds a person to a draft: last, where people sign one by one."""
        return await self._participants.add(session, participant)

    async def add_self(self, session: Session) -> Session:
        """Adds the person of the token. Raises ``Conflict`` where they are there already."""
        return await self._participants.add_self(session)

    async def update_participant(self, session: Session, participant: Participant, change: ParticipantChange) -> Session:
        """Changes a person of a draft; afterwards only how they are invited, until they have used the link."""
        return await self._participants.update(session, participant, change)

    async def remove_participant(self, session: Session, participant: Participant) -> Session:
        """Removes a person with their fields from a draft."""
        return await self._participants.remove(session, participant)

    async def add_field(self, session: Session, field: FieldPlacement) -> Session:
        """Places a field on a document of a draft, once that is processed. Raises ``Busy`` where it takes too long."""
        return await self._drafts.add_field(session, field)

    async def update_field(self, session: Session, field: Field, change: FieldChange) -> Session:
        """Moves a field of a draft, or changes whether it has to be filled."""
        return await self._drafts.update_field(session, field, change)

    async def remove_field(self, session: Session, field: Field) -> Session:
        """Removes a field of a draft, and every field that depends on it."""
        return await self._drafts.remove_field(session, field)

    @asynccontextmanager
    async def download_document(self, session: Session, document: Document) -> AsyncIterator[Content]:
        """Opens a document as PDF, whatever it was uploaded as."""
        name = _DOWNLOADS.get((document.role, session.status is SessionStatus.DRAFT))
        if name is None:
            raise WrongState(f"Session {session.key} is a draft: nobody has signed it yet.")
        if document.role is DocumentRole.EVIDENCE and document.key != translation.ALL_IN_ONE:
            raise NotFound(f"Session {session.key} has no document {document.key}.")
        path = self.settings.path(name, session=session.key, document=translation.their_key(document.key))
        async with AsyncExitStack() as stack:
            with understood():
                content = await stack.enter_async_context(self.http.download(path))
            yield content

    @asynccontextmanager
    async def download_signature(self, session: Session, signature: Signature) -> AsyncIterator[Content]:
        """Opens the document that carries the signatures."""
        document = session.document(signature.key)
        if document is None:
            raise NotFound(f"Session {session.key} has no signed document {signature.key}.")
        async with self.download_document(session, document) as content:
            yield content

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """One for each signed document that is ready."""
        return (await self.fetch_session(session.key, session)).signatures

    async def compensate(self, step: Step) -> None:
        """Removes what a step made. Raises ``Unsupported`` for what has taken the place of a voided session."""
        await self._lifecycle.compensate(step)

    async def has_invited(self, step: Step) -> bool:
        """Whether a draft has become a session that was started."""
        return await self._lifecycle.has_invited(step)

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Starts what was about to be started, and adopts the draft that has taken the place of another session."""
        return await self._lifecycle.roll_forward(pivot, marker, since, steps)

    async def find_by_marker(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """Drafts that carry the marker: their subjects do, until they are complete."""
        return await self._lifecycle.find_by_marker(marker, since)
