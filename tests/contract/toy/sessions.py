"""Sessions: translates Toy's sessions."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec

from providers.model import (
    Document,
    DocumentRole,
    DocumentStatus,
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
from providers.toy.wire import PARTICIPANT_STATUS, STATUS, ToySession

_SIGNED = "signed-"


def file_id(key: str) -> str:
    """Toy's id of a file, by the key of the document or of its signed one."""
    return key.removeprefix(_SIGNED)


def session(provider: str, raw: bytes, *, partial: bool) -> Session:
    """Translates a session. Raises ``msgspec.DecodeError``."""
    wire = msgspec.json.decode(raw, type=ToySession)
    ref = SessionRef(provider, wire.id)
    status = STATUS.get(wire.state, SessionStatus.UNKNOWN)
    documents = _documents(ref, wire, done=status is SessionStatus.COMPLETED)
    return Session(
        provider=ref.provider,
        key=ref.key,
        kind=SessionKind.SIGNING,
        status=status,
        provider_status=wire.state,
        title=wire.title,
        reference=wire.reference,
        created_at=wire.made,
        signing_order=SigningOrder.SEQUENTIAL if wire.in_turn else SigningOrder.PARALLEL,
        documents=documents,
        participants=_participants(ref, wire),
        signatures=tuple(
            Signature(session=ref, key=each.key, format=SignatureFormat.PADES, document=each.key)
            for each in documents
            if each.role is DocumentRole.SIGNED
        ),
        partial=partial,
        native=_without_links(raw),
    )


def _documents(ref: SessionRef, wire: ToySession, *, done: bool) -> tuple[Document, ...]:
    originals = tuple(
        Document(
            session=ref,
            key=file.id,
            role=DocumentRole.TO_SIGN,
            status=DocumentStatus.SIGNED if done else DocumentStatus.READY,
            title=file.title,
        )
        for file in wire.files
    )
    signed = tuple(replace(each, key=_SIGNED + each.key, role=DocumentRole.SIGNED) for each in originals)
    return originals + (signed if done else ())


def _participants(ref: SessionRef, wire: ToySession) -> tuple[Participant, ...]:
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
        for place, person in enumerate(wire.people)
    )


def _without_links(raw: bytes) -> bytes:
    payload = json.loads(raw)
    for person in payload.get("people", ()):
        person.pop("link", None)
    return json.dumps(payload).encode()
