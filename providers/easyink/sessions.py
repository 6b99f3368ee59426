"""Sessions: translates EasyInk's drafts, views and rows of a search.

A view lacks members that its draft had (phone numbers, languages, delivery methods, fields, the signing order): these
are carried over from the session as it was known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from math import inf

from providers.decoding.coercion import parse_instant
from providers.easyink import wire
from providers.model import (
    Document,
    DocumentRole,
    DocumentStatus,
    Field,
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
from providers.orders import DocumentOrder

ALL_IN_ONE = "all-in-one"
_SIGNED = "signed:"
_PDF = "application/pdf"
_OPEN = frozenset({ParticipantStatus.INVITED, ParticipantStatus.VIEWED})
_NOT_STARTED = frozenset({SessionStatus.DRAFT, SessionStatus.READY})


def signed_key(key: str) -> str:
    """The key of a signed document: EasyInk's id may be that of the original."""
    return _SIGNED + key


def native_key(key: str) -> str:
    """EasyInk's id of a document, by its key."""
    return key.removeprefix(_SIGNED)


def from_draft(draft: wire.Draft, native: bytes, known: Session) -> Session:
    """Translates a draft; ``known`` has the fields that are carried over."""
    ref = known.ref
    settings = draft.signing_order_settings
    order = tuple(settings.participants_order or ()) if settings else ()
    return replace(
        known,
        status=SessionStatus.DRAFT,
        provider_status="Draft",
        title=draft.subject or None,
        signing_order=wire.from_wire(wire.SIGNING_ORDER, settings.type if settings else None, SigningOrder.PARALLEL),
        reminder_frequency=wire.from_wire(wire.REMINDER, draft.reminder_frequency, None),
        documents=(
            *(_draft_file(ref, item, DocumentRole.TO_SIGN, known) for item in draft.documents or ()),
            *(_draft_file(ref, item, DocumentRole.ATTACHMENT, known) for item in draft.attachments or ()),
        ),
        participants=_sorted_by_order(_draft_participant(ref, item, order) for item in draft.participants or ()),
        fields=tuple(_field(ref, item) for item in draft.signature_fields or ()),
        signatures=(),
        partial=False,
        native=native,
    )


def from_view(view: wire.View, native: bytes, known: Session) -> Session:
    """Translates the view of a session that is no draft; ``known`` has the fields that are carried over."""
    ref = known.ref
    status = wire.from_wire(wire.SESSION_STATUS, view.status, SessionStatus.UNKNOWN)
    people = _sorted_by_order(
        _participant(ref, item, known.participant(item.participant_id)) for item in view.participants or ()
    )
    people = tuple(_with_stage(people, status, known.signing_order))
    signed_at = max((person.signed_at for person in people if person.signed_at), default=None)
    documents = tuple(_documents(ref, view, known))
    return replace(
        known,
        status=status,
        provider_status=view.status,
        title=view.subject or None,
        completed_at=known.completed_at or signed_at if status is SessionStatus.COMPLETED else None,
        documents=documents,
        participants=people,
        signatures=tuple(_signatures(ref, documents, signed_at)),
        partial=False,
        native=native,
    )


def from_row(provider: str, item: wire.SearchItem, native: bytes) -> Session:
    """Translates a row of a search, which has neither documents nor participants."""
    return Session(
        provider=provider,
        key=item.id,
        kind=SessionKind.SIGNING,
        status=wire.from_wire(wire.SESSION_STATUS, item.status, SessionStatus.UNKNOWN),
        provider_status=item.status,
        title=item.subject,
        created_at=parse_instant(item.created),
        partial=True,
        native=native,
    )


def uploaded_document(ref: SessionRef, key: str, order: DocumentOrder, now: datetime) -> Document:
    """A document after its upload. EasyInk converts other types to PDF, so size and hash are known of a PDF only."""
    unconverted = order.media_type == _PDF
    return Document(
        session=ref,
        key=key,
        role=order.role,
        status=DocumentStatus.PROCESSING,
        title=order.title,
        filename=order.filename,
        description=order.description,
        media_type=_PDF,
        size_bytes=order.size_bytes if unconverted else None,
        sha256=order.sha256 if unconverted else None,
        created_at=now,
    )


def carry_over(provider: str, key: str, known: Session | None) -> Session:
    """The fields of a session that are carried over when it is read again: those that EasyInk does not return."""
    session = Session(provider=provider, key=key, kind=SessionKind.SIGNING, status=SessionStatus.UNKNOWN)
    if known is None:
        return session
    return replace(
        session,
        status_reason=known.status_reason,
        reference=known.reference,
        created_at=known.created_at,
        started_at=known.started_at,
        completed_at=known.completed_at,
        signing_order=known.signing_order,
        reminder_frequency=known.reminder_frequency,
        documents=known.documents,
        participants=known.participants,
        fields=known.fields,
    )


def _draft_file(ref: SessionRef, item: wire.DraftFile, role: DocumentRole, known: Session) -> Document:
    status = wire.from_wire(wire.DOCUMENT_STATUS, item.status, DocumentStatus.UNKNOWN)
    if item.status is None and role is DocumentRole.ATTACHMENT:
        # Whether attachments have a status is not published: one without is taken as processed.
        status = DocumentStatus.READY
    document = Document(
        session=ref, key=item.id, role=role, status=status, title=item.title, provider_status=item.status, media_type=_PDF
    )
    return _with_upload(document, known.document(item.id))


def _with_upload(document: Document, known: Document | None) -> Document:
    """The document with the fields of its upload that EasyInk does not return."""
    if known is None:
        return document
    return replace(
        document,
        title=document.title or known.title,
        filename=known.filename,
        description=known.description,
        size_bytes=known.size_bytes,
        sha256=known.sha256,
        created_at=known.created_at,
    )


def _draft_participant(ref: SessionRef, item: wire.DraftParticipant, order: tuple[str, ...]) -> Participant:
    return Participant(
        session=ref,
        key=item.id,
        role=wire.from_wire(wire.ROLE, item.role, ParticipantRole.UNKNOWN),
        status=ParticipantStatus.WAITING,
        order=order.index(item.id) + 1 if item.id in order else None,
        first_name=item.first_name,
        middle_name=item.middle_name,
        last_name=item.last_name,
        display_name=_full_name(item.first_name, item.middle_name, item.last_name),
        email=item.email,
        phone=item.phone,
        language=wire.from_wire(wire.LANGUAGE, item.language, None),
        delivery_methods=tuple(
            wire.DELIVERY[word.lower()] for word in item.delivery_methods or () if word.lower() in wire.DELIVERY
        ),
    )


def _participant(ref: SessionRef, item: wire.ViewParticipant, known: Participant | None) -> Participant:
    known = known or Participant(
        session=ref, key=item.participant_id, role=ParticipantRole.UNKNOWN, status=ParticipantStatus.UNKNOWN
    )
    return replace(
        known,
        role=wire.from_wire(wire.ROLE, item.role, ParticipantRole.UNKNOWN),
        status=wire.from_wire(wire.PARTICIPANT_STATUS, item.status, ParticipantStatus.UNKNOWN),
        provider_status=item.status,
        first_name=item.first_name,
        last_name=item.last_name,
        display_name=_full_name(item.first_name, known.middle_name, item.last_name),
        email=item.email,
        signed_at=parse_instant(item.signed_at),
    )


def _sorted_by_order(people: Iterable[Participant]) -> tuple[Participant, ...]:
    """Participants in signing order; in EasyInk's order where there is none."""
    return tuple(sorted(people, key=lambda person: inf if person.order is None else person.order))


def _with_stage(people: tuple[Participant, ...], status: SessionStatus, order: SigningOrder) -> Iterator[Participant]:
    """Derives who is invited: EasyInk calls every participant Pending who has neither viewed, signed nor declined."""
    turn = min((each.order for each in people if each.status in _OPEN and each.order is not None), default=None)
    for person in people:
        if person.status in _OPEN and status in _NOT_STARTED:
            yield replace(person, status=ParticipantStatus.WAITING)
        elif person.status in _OPEN and status is SessionStatus.EXPIRED:
            yield replace(person, status=ParticipantStatus.EXPIRED)
        elif person.status is ParticipantStatus.INVITED and order is SigningOrder.SEQUENTIAL and person.order != turn:
            yield replace(person, status=ParticipantStatus.WAITING)
        else:
            yield person


def _documents(ref: SessionRef, view: wire.View, known: Session) -> Iterator[Document]:
    for original in view.documents or ():
        yield _original(ref, original.document_id, original.title, DocumentRole.TO_SIGN, known)
    for attachment in view.attachments or ():
        if attachment.key:
            yield _original(ref, attachment.key, attachment.title, DocumentRole.ATTACHMENT, known)
    for signed in view.signed_documents or ():
        key, word = signed_key(signed.signed_document_id), signed.processing_status
        yield _result(ref, key, DocumentRole.SIGNED, signed.title, word)
    bundle = view.all_in_one_document
    if bundle is not None and bundle.status is not None:
        yield _result(ref, ALL_IN_ONE, DocumentRole.EVIDENCE, bundle.title, bundle.status)


def _original(ref: SessionRef, key: str, title: str | None, role: DocumentRole, known: Session) -> Document:
    document = Document(session=ref, key=key, role=role, status=DocumentStatus.READY, title=title, media_type=_PDF)
    return _with_upload(document, known.document(key))


def _result(ref: SessionRef, key: str, role: DocumentRole, title: str | None, word: str | None) -> Document:
    status = wire.from_wire(wire.DOCUMENT_STATUS, word, DocumentStatus.UNKNOWN)
    return Document(session=ref, key=key, role=role, status=status, title=title, provider_status=word, media_type=_PDF)


def _signatures(ref: SessionRef, documents: tuple[Document, ...], signed_at: datetime | None) -> Iterator[Signature]:
    for item in documents:
        if item.role is DocumentRole.SIGNED and item.status is DocumentStatus.READY:
            yield Signature(session=ref, key=item.key, format=SignatureFormat.PADES, document=item.key, signed_at=signed_at)


def _field(ref: SessionRef, item: wire.DraftField) -> Field:
    placement, options = item.field.placement, item.field.options
    return Field(
        session=ref,
        key=item.id,
        document=item.document_id,
        participant=item.participant_id,
        type=item.field.type,
        page=placement.page,
        x=placement.position_x,
        y=placement.position_y,
        width=placement.size_x,
        height=placement.size_y,
        required=bool(options and options.is_required),
        depends_on=item.depends_on,
    )


def _full_name(*names: str | None) -> str | None:
    return " ".join(name for name in names if name) or None
