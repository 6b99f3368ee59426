"""Sessions: translates a stored signature into a session with one document, one signature and its signers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from providers.decoding.coercion import parse_instant
from providers.decoding.json import decode, decode_rows
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
    UnreadableRow,
)
from providers.persist.wire import RecordKey, StoredSignature
from providers.verification import SignatureReport, inspect, unwrap

SIGNATURE = "signature"
"""Key of the one document of a record: the signature itself."""
_CMS, _XML = "application/pkcs7-signature", "application/xml"
_DER_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True)
class SignatureFile:
    """The bytes of a stored signature, and their media type."""

    content: bytes
    media_type: str

    @property
    def filename(self) -> str:
        """A file name for a download."""
        return "signature.xml" if self.media_type == _XML else "signature.p7s"


def signature_file(text: str) -> SignatureFile:
    """Decodes a stored text: DER where it is CMS in base64, else the text itself."""
    content = unwrap(text.encode())
    return SignatureFile(content, _CMS if content[:1] == bytes([_DER_SEQUENCE]) else _XML)


def session(provider: str, raw: bytes, now: datetime) -> Session:
    """Translates a stored signature. CPU-bound: it verifies the signature. Raises one of ``decoding.json.MALFORMED``."""
    stored = decode(raw, StoredSignature)
    ref = SessionRef(provider, RecordKey(stored.document, stored.in_thread).session_key)
    content = signature_file(stored.text)
    reports = inspect(content.content, now=now)
    participants = _participants(ref, reports)
    created_at = parse_instant(stored.created_at)
    return Session(
        provider=provider,
        key=ref.key,
        kind=SessionKind.RECORD,
        status=SessionStatus.COMPLETED,
        title=stored.document,
        reference=stored.thread,
        created_at=created_at,
        completed_at=created_at,
        documents=(_document(ref, content, created_at),),
        participants=participants,
        signatures=(_signature(ref, stored, reports, participants),),
        native=raw,
    )


def sessions(provider: str, rows: Iterable[bytes], now: datetime) -> tuple[list[Session], list[UnreadableRow]]:
    """Translates the rows of a list: deduplicated, as the list repeats a record for each tag; and the unreadable rows."""
    seen: dict[int | str, Session] = {}

    def read(raw: bytes) -> None:
        stored = decode(raw, StoredSignature)
        key = stored.id if stored.id is not None else RecordKey(stored.document, stored.in_thread).session_key
        if key not in seen:
            seen[key] = session(provider, raw, now)

    _, unreadable = decode_rows(rows, read, key="document")
    return list(seen.values()), list(dict.fromkeys(unreadable))


def _document(ref: SessionRef, content: SignatureFile, created_at: datetime | None) -> Document:
    return Document(
        session=ref,
        key=SIGNATURE,
        role=DocumentRole.SIGNED,
        status=DocumentStatus.SIGNED,
        filename=content.filename,
        media_type=content.media_type,
        size_bytes=len(content.content),
        sha256=sha256(content.content).hexdigest(),
        created_at=created_at,
    )


def _signature(
    ref: SessionRef, stored: StoredSignature, reports: Sequence[SignatureReport], participants: Sequence[Participant]
) -> Signature:
    return Signature(
        session=ref,
        key=ref.key,
        format=reports[0].format if reports else SignatureFormat.UNKNOWN,
        document=SIGNATURE,
        participant=participants[0].key if len(participants) == 1 else None,
        version=stored.number,
        comment=text(stored.version_comment),
        tags=tuple(dict.fromkeys(str(tag) for tag in stored.tags or ())),
        created_by=text(stored.version_created_by),
        created_at=parse_instant(stored.created_at),
        updated_at=parse_instant(stored.updated_at),
        signed_at=max((report.signed_at for report in reports if report.signed_at), default=None),
    )


def _participants(ref: SessionRef, reports: Sequence[SignatureReport]) -> tuple[Participant, ...]:
    """The signers, each once; their key is the SHA-256 of their certificate."""
    signers = {
        report.certificate.sha256: Participant(
            session=ref,
            key=report.certificate.sha256,
            role=ParticipantRole.SIGNER,
            status=ParticipantStatus.SIGNED,
            display_name=report.certificate.common_name,
            email=report.certificate.email,
            signed_at=report.signed_at,
        )
        for report in reports
        if report.certificate
    }
    return tuple(signers.values())


def text(value: str | int | None) -> str | None:
    """A value as text; PHP may send it as a number."""
    return None if value is None else str(value)
