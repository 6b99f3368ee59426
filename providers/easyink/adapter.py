"""Adapter: EasyInk behind the operations of every provider.

A session is created as a draft, converted, started, and then only read, copied or voided; see ``lifecycle``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import ClassVar

from providers.adapter import Adapter
from providers.capability import Capabilities
from providers.clock import Clock
from providers.decoding.coercion import parse_count
from providers.easyink.capability import CAPABILITIES
from providers.easyink.client import EasyInkClient
from providers.easyink.errors import AUTHORIZE_ADVICE, cancel_instead, fault
from providers.easyink.lifecycle.copies import Copies
from providers.easyink.lifecycle.drafts import Drafts
from providers.easyink.lifecycle.fields import Fields
from providers.easyink.lifecycle.participants import Participants
from providers.easyink.lifecycle.recovery import Recovery
from providers.easyink.lifecycle.transitions import Transitions
from providers.easyink.oauth import AuthorizationCodeFlow, PersonalToken
from providers.easyink.orders import objections
from providers.easyink.provenance import RULES
from providers.easyink.session_reader import SessionReader
from providers.easyink.sessions import ALL_IN_ONE, native_key
from providers.easyink.settings import EasyInkSettings
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
    """Adapter of one EasyInk account."""

    settings: EasyInkSettings
    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(self, settings: EasyInkSettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        clock = clock or Clock()
        self._token = PersonalToken(settings.name, clock, settings.access_token)
        super().__init__(settings, transport=transport, clock=clock)
        client = self.client = EasyInkClient(self.http, settings)
        reader = self._reader = SessionReader(client, settings.name, clock)
        drafts = self._drafts = Drafts(client, reader, settings.name, clock)
        self._fields = Fields(client, reader, drafts)
        self._participants = Participants(client, reader, drafts)
        self._transitions = Transitions(client, reader, drafts, clock)
        self._copies = Copies(client, reader, drafts, clock)
        self._recovery = Recovery(client, reader, drafts, self._transitions, self._copies, clock)
        self._authorization_flow = AuthorizationCodeFlow(self.http, settings, clock)

    def auth(self) -> Auth:
        """The bearer token of a person."""
        return self._token

    def parse_error(self, reply: Response) -> ErrorDetail:
        """Decodes an error body; see ``errors``."""
        return fault(reply)

    @property
    def credentials(self) -> Credentials:
        """Whether there is a token, and its expiry."""
        token, expires_at = self._token, self._token.expires_at
        if not token.present:
            return Credentials(CredentialState.AUTHORIZATION_REQUIRED, note=f"Nobody has given a token: {AUTHORIZE_ADVICE}.")
        if expires_at is not None and expires_at <= self.clock.now():
            return Credentials(CredentialState.EXPIRED, expires_at, f"The token has ended: {AUTHORIZE_ADVICE}.")
        if token.refused and isinstance(self.health.last_error, AuthorizationRequired):
            return Credentials(CredentialState.REFUSED, expires_at, f"The token was refused: {AUTHORIZE_ADVICE}.")
        return Credentials(CredentialState.CONNECTED, expires_at)

    async def begin_authorization(self, state: str, challenge: str) -> str:
        """The consent page at EasyInk's identity host, where a person signs in."""
        return self._authorization_flow.authorization_url(state, challenge)

    async def complete_authorization(self, code: str, verifier: str) -> Token:
        """Exchanges the code for a token and uses it. Raises ``Invalid`` for an invalid code."""
        token = await self._authorization_flow.exchange(code, verifier)
        self.use_token(token)
        return token

    def use_token(self, token: Token) -> None:
        """Replaces the token."""
        self._token.use(token)
        self.http.notify_health()

    def validate_order(self, order: Order) -> Iterator[Invalid]:
        """Objections of EasyInk to an order; see ``orders``."""
        return objections(order)

    async def fetch_session(self, key: str, previous: Session | None = None) -> Session:
        """Reads a session, or its draft while it is one."""
        return await self._reader.session(key, previous)

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """One page of a search; pages are numbered, so ``offset`` is rounded down to the beginning of one."""
        return await self._reader.page(offset, limit)

    async def fetch_statistics(self) -> Statistics:
        """EasyInk's counts; it has none of ended sessions."""
        counts = await self.client.fetch_statistics()
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
        """Creates a draft with documents, participants and fields, and starts it where the order says so."""
        session = await self._drafts.create(order, steps)
        return await self._transitions.start(session, steps) if order.start else session

    async def start_session(self, session: Session) -> Session:
        """Converts a draft and starts it; starts a session that was converted before."""
        return await self._transitions.start(await self.fetch_session(session.key, session))

    async def cancel_session(self, session: Session, reason: str, steps: Steps | None = None) -> Session:
        """Voids a session for good. Idempotent."""
        return await self._transitions.cancel(session, reason)

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Deletes a draft with all of its parts. Idempotent."""
        if session.status is not SessionStatus.DRAFT:
            raise cancel_instead(session.key)
        await self._drafts.delete(session.key)

    async def update_session(self, session: Session, change: SessionChange) -> Session:
        """Changes title and reminder frequency of a draft."""
        return await self._drafts.update(session, change)

    async def duplicate_session(self, session: Session, title: str | None, marker: str, steps: Steps) -> Session:
        """Copies a session into a new draft, whose parts have new keys."""
        return await self._copies.duplicate(session, title, marker, steps)

    async def recreate_session(self, session: Session, title: str | None, reason: str, marker: str, steps: Steps) -> Session:
        """Copies a session into a new draft and voids the original, in one call that cannot be compensated."""
        return await self._copies.recreate(session, title, reason, marker, steps)

    async def set_signing_order(self, session: Session, order: SigningOrder, participants: tuple[str, ...]) -> Session:
        """Has the participants of a draft sign all at once, or one by one in this or their present order."""
        return await self._drafts.set_signing_order(session, order, participants)

    async def add_document(self, session: Session, document: DocumentOrder, steps: Steps) -> Session:
        """Uploads a document to a draft; returns before it is processed."""
        return await self._drafts.add_document(session, document, steps)

    async def remove_document(self, session: Session, document: Document) -> Session:
        """Removes a document with the fields on it, or an attachment, from a draft."""
        return await self._drafts.remove_document(session, document)

    async def add_participant(self, session: Session, participant: ParticipantOrder) -> Session:
        """Adds a person to a draft, who is last where people sign one by one."""
        return await self._participants.add(session, participant)

    async def add_self(self, session: Session) -> Session:
        """Adds the person of the token. Raises ``Conflict`` where they are a participant already."""
        return await self._participants.add_self(session)

    async def update_participant(self, session: Session, participant: Participant, change: ParticipantChange) -> Session:
        """Changes a person of a draft; afterwards their delivery methods alone, until they have used the link."""
        return await self._participants.update(session, participant, change)

    async def remove_participant(self, session: Session, participant: Participant) -> Session:
        """Removes a person with their fields from a draft."""
        return await self._participants.remove(session, participant)

    async def add_field(self, session: Session, field: FieldPlacement) -> Session:
        """Places a field on a document of a draft, once it is processed. Raises ``Busy`` on timeout."""
        return await self._fields.add(session, field)

    async def update_field(self, session: Session, field: Field, change: FieldChange) -> Session:
        """Moves a field of a draft, or changes whether it is required."""
        return await self._fields.update(session, field, change)

    async def remove_field(self, session: Session, field: Field) -> Session:
        """Removes a field of a draft, and every field that depends on it."""
        return await self._fields.remove(session, field)

    @asynccontextmanager
    async def download_document(self, session: Session, document: Document) -> AsyncIterator[Content]:
        """Opens a document as PDF, of whichever type it was uploaded."""
        operation = _DOWNLOADS.get((document.role, session.status is SessionStatus.DRAFT))
        if operation is None:
            raise WrongState(f"Session {session.key} is a draft: nobody has signed it yet.")
        if document.role is DocumentRole.EVIDENCE and document.key != ALL_IN_ONE:
            raise NotFound(f"Session {session.key} has no document {document.key}.")
        async with self.client.download(operation, session.key, native_key(document.key)) as content:
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
        """One signature for each signed document that is ready."""
        return (await self.fetch_session(session.key, session)).signatures

    async def compensate(self, step: Step) -> None:
        """Compensates a step. Raises ``Unsupported`` for the replacement of a voided session."""
        await self._recovery.compensate(step)

    async def has_invited(self, step: Step) -> bool:
        """Whether a draft has become a started session."""
        return await self._recovery.has_invited(step)

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Starts the session that was about to be started, or adopts the replacement that was made."""
        return await self._recovery.roll_forward(pivot, marker, since, steps)

    async def find_by_marker(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """The drafts whose subject has the marker, as it has until they are complete."""
        return await self._recovery.find_by_marker(marker, since)
