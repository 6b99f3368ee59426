"""Toy's verbs, and what its sessions are in our words."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import ClassVar

import msgspec

from providers.adapter import Adapter
from providers.capability import Capabilities, Capability, Operation, Support, operations
from providers.errors import Conflict, NotFound, WrongState
from providers.http.credentials import HeaderAuth
from providers.http.message.response import ErrorDetail, Response
from providers.model import (
    Content,
    Document,
    DocumentRole,
    DocumentStatus,
    ListRow,
    Page,
    Participant,
    ParticipantRole,
    ParticipantStatus,
    Session,
    SessionKind,
    SessionRef,
    SessionStatus,
    Signature,
    SignatureFormat,
    SigningOrder,
)
from providers.orders import Order
from providers.provenance import Rule
from providers.saga import Step, Steps
from providers.toy.provenance import RULES
from providers.toy.wire import PARTICIPANT_STATUS, STATUS, Made, Rows, ToySession, ToySettings, Trouble

SIGNED = "signed-"


class ToyAdapter(Adapter):
    """Toy behind our verbs."""

    settings: ToySettings
    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.SIGNING,
        operations=operations(
            Capability(Operation.CREATE_SESSION, Support.COMPOSED, "A draft, its files one by one, then started."),
            Capability(Operation.LIST_SESSIONS, Support.NATIVE),
            Capability(Operation.CANCEL_SESSION, Support.NATIVE),
            Capability(Operation.DELETE_SESSION, Support.NATIVE),
            Capability(Operation.DOWNLOAD_DOCUMENT, Support.NATIVE),
            Capability(Operation.LIST_SIGNATURES, Support.COMPOSED, "One per document, once everybody has signed."),
        ),
        media_types=frozenset({"application/pdf"}),
    )

    def auth(self) -> HeaderAuth:
        """A key in a header."""
        return HeaderAuth({"x-toy-key": self.settings.api_key})

    def parse_error(self, reply: Response) -> ErrorDetail:
        """Toy says a code and some words."""
        try:
            trouble = reply.json(Trouble)
        except msgspec.DecodeError:
            return ErrorDetail()
        return ErrorDetail(trouble.code, trouble.words)

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        """Reads a session."""
        raw = await self.http.fetch(msgspec.Raw, "GET", self.settings.path("session", session=key))
        return self._session(bytes(raw), "GET", partial=False)

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """A slice of all sessions; rows lack files and people."""
        query = {"offset": offset, "limit": limit}
        page = await self.http.fetch(Rows, "GET", self.settings.path("sessions"), query=query)
        end = offset + len(page.rows)
        sessions = tuple(self._session(bytes(row), "GET", partial=True) for row in page.rows)
        return Page(
            rows=tuple(map(ListRow.from_session, sessions)),
            total=page.total,
            next_offset=end if page.rows and end < page.total else None,
        )

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """A draft, its files, and off it goes."""
        people = [{"first": each.first_name, "last": each.last_name, "email": each.email} for each in order.participants]
        in_turn = order.signing_order is SigningOrder.SEQUENTIAL
        draft = {"title": order.title, "reference": order.reference, "in_turn": in_turn, "people": people}
        key = (await self.http.fetch(Made, "POST", self.settings.path("sessions"), json=draft)).id
        await steps.record("session", key)
        for document in order.documents:
            headers = {"x-title": document.title or document.filename}
            path = self.settings.path("files", session=key)
            await self.http.fetch(Made, "POST", path, body=document.open, headers=headers)
        await self.http.request("POST", self.settings.path("start", session=key))
        return await self.fetch_session(key)

    async def cancel_session(self, session: Session, reason: str, steps: Steps | None = None) -> Session:
        """Withdraws it. Raises ``WrongState`` where it is over."""
        try:
            await self.http.request("POST", self.settings.path("withdraw", session=session.key), json={"reason": reason})
        except Conflict as error:
            raise WrongState(error.message, provider=error.provider, detail=error.detail) from error
        return replace(await self.fetch_session(session.key), status_reason=reason)

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Removes it."""
        await self.http.request("DELETE", self.settings.path("session", session=session.key))

    async def compensate(self, step: Step) -> None:
        """Removes a session that was made in vain, with its files."""
        try:
            await self.http.request("DELETE", self.settings.path("session", session=step.key))
        except NotFound:
            return

    def download_document(self, session: Session, document: Document) -> AbstractAsyncContextManager[Content]:
        """Opens a file, or what became of it."""
        name = "result" if document.role is DocumentRole.SIGNED else "file"
        path = self.settings.path(name, session=session.key, file=document.key.removeprefix(SIGNED))
        return self.http.download(path)

    def download_signature(self, session: Session, signature: Signature) -> AbstractAsyncContextManager[Content]:
        """Opens the document that carries it."""
        file = signature.key.removeprefix(SIGNED)
        return self.http.download(self.settings.path("result", session=session.key, file=file))

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """One per signed document."""
        return (await self.fetch_session(session.key)).signatures

    def _session(self, raw: bytes, method: str, *, partial: bool) -> Session:
        try:
            told = msgspec.json.decode(raw, type=ToySession)
        except msgspec.DecodeError as error:
            raise self.http.unreadable(method, self.settings.path("sessions"), Response(200, {}, raw), error) from error
        ref = SessionRef(self.settings.name, told.id)
        status = STATUS.get(told.state, SessionStatus.UNKNOWN)
        documents = _documents(ref, told, done=status is SessionStatus.COMPLETED)
        return Session(
            provider=ref.provider,
            key=ref.key,
            kind=SessionKind.SIGNING,
            status=status,
            provider_status=told.state,
            title=told.title,
            reference=told.reference,
            created_at=told.made,
            signing_order=SigningOrder.SEQUENTIAL if told.in_turn else SigningOrder.PARALLEL,
            documents=documents,
            participants=_participants(ref, told),
            signatures=tuple(
                Signature(session=ref, key=each.key, format=SignatureFormat.PADES, document=each.key)
                for each in documents
                if each.role is DocumentRole.SIGNED
            ),
            partial=partial,
            native=_without_links(raw),
        )


def _documents(ref: SessionRef, told: ToySession, *, done: bool) -> tuple[Document, ...]:
    originals = tuple(
        Document(
            session=ref,
            key=file.id,
            role=DocumentRole.TO_SIGN,
            status=DocumentStatus.SIGNED if done else DocumentStatus.READY,
            title=file.title,
        )
        for file in told.files
    )
    signed = tuple(replace(each, key=SIGNED + each.key, role=DocumentRole.SIGNED) for each in originals)
    return originals + (signed if done else ())


def _participants(ref: SessionRef, told: ToySession) -> tuple[Participant, ...]:
    return tuple(
        Participant(
            session=ref,
            key=person.id,
            role=ParticipantRole.SIGNER,
            status=PARTICIPANT_STATUS.get(person.state, ParticipantStatus.UNKNOWN),
            order=place + 1,
            provider_status=person.state,
            first_name=person.first,
            last_name=person.last,
            signing_url=person.link,
        )
        for place, person in enumerate(told.people)
    )


def _without_links(raw: bytes) -> bytes:
    told = json.loads(raw)
    for person in told.get("people", ()):
        person.pop("link", None)
    return json.dumps(told).encode()
