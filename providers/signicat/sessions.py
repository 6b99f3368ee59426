"""What was read of Signicat, as one ``Session``: native sessions become participants, their results documents.

Pure translation; the calls are in ``adapter``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from providers.decoding.coercion import parse_instant
from providers.model import (
    Archive,
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
from providers.signicat.composition.native_session import Part, missing, reference_of
from providers.signicat.wire import SIGNATURE_FORMAT, Collection, Metadata, Output, SigningSession

_PROCESSED = frozenset({ParticipantStatus.SIGNED, ParticipantStatus.DECLINED})
_ORIGINALS = (DocumentRole.TO_SIGN, DocumentRole.ATTACHMENT)
_RESULTS = (DocumentRole.SIGNED, DocumentRole.EVIDENCE)
_GONE = "A signing session of it was deleted at Signicat."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that was read of one session, and what was known of it before.

    ``parts`` are in signing order. ``collections`` are those read, ``collection_raw`` the one of a composed session.
    ``metadata`` holds None for a document that Signicat no longer has. ``now`` decides what is overdue. ``statuses`` are
    those of the participants.
    """

    ref: SessionRef
    parts: tuple[Part, ...]
    now: datetime
    composed: bool = False
    partial: bool = False
    collections: tuple[Collection, ...] = ()
    collection_raw: bytes = field(default=b"null", repr=False)
    metadata: Mapping[str, Metadata | None] = field(default_factory=dict)
    known: Session | None = None
    statuses: tuple[ParticipantStatus, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "statuses", tuple(map(self._status_of, self.parts)))

    def session(self) -> Session:
        """The session that all of it amounts to."""
        signatures = tuple(self._signatures())
        documents = self._documents(signatures)
        known = self.known
        status = self.status
        made_at = self._created_at(documents)
        return Session(
            provider=self.ref.provider,
            key=self.ref.key,
            kind=SessionKind.SIGNING,
            status=status,
            provider_status=self._words(status),
            status_reason=_GONE if status is SessionStatus.CANCELED else None,
            title=self._first(lambda wire: wire.title) or (known.title if known else None),
            reference=self._reference(),
            created_at=made_at,
            started_at=made_at,
            due_at=min((part.due_at for part in self.parts if part.due_at), default=known.due_at if known else None),
            completed_at=self._completed_at(documents) if status is SessionStatus.COMPLETED else None,
            signing_order=self._signing_order(),
            documents=documents,
            participants=tuple(self._participants()),
            signatures=signatures,
            archive=self._archive(),
            parts=tuple(part.key for part in self.parts) if self.composed else (),
            partial=self.partial,
            native=self._native(),
        )

    @property
    def status(self) -> SessionStatus:
        """Our status: who declines ends it, who is late too, and signed is not complete until packages are there."""
        people = self.statuses
        if ParticipantStatus.DECLINED in people:
            return SessionStatus.DECLINED
        if ParticipantStatus.FAILED in people:
            return SessionStatus.CANCELED
        if ParticipantStatus.UNKNOWN in people:
            return SessionStatus.UNKNOWN
        if self.all_signed:
            return SessionStatus.PROCESSING if self._outstanding() else SessionStatus.COMPLETED
        if ParticipantStatus.EXPIRED in people:
            return SessionStatus.EXPIRED
        return SessionStatus.IN_PROGRESS if ParticipantStatus.SIGNED in people else SessionStatus.PENDING

    @property
    def all_signed(self) -> bool:
        """Nobody's signature is missing; packages may be."""
        return all(status is ParticipantStatus.SIGNED for status in self.statuses)

    def unread(self) -> set[str]:
        """Keys of documents whose metadata nobody has read yet."""
        there = {item.key: item for item in self.known.documents} if self.known else {}
        keys = {use.document_id for part in self.parts for use in part.documents if use.document_id}
        keys |= {item.key for item in self._signatures()}
        if any(part.wire is None for part in self.parts):
            keys |= there.keys()
        return {key for key in keys if (item := there.get(key)) is None or _undescribed(item)}

    def _status_of(self, part: Part) -> ParticipantStatus:
        known = self.known.participant(part.key) if self.known else None
        if part.wire is None and known and known.status in _PROCESSED:
            return known.status
        waits = part.status is ParticipantStatus.INVITED or part.status is ParticipantStatus.WAITING
        return ParticipantStatus.EXPIRED if waits and part.due_at and part.due_at < self.now else part.status

    def _outstanding(self) -> bool:
        """Whether a package that was asked for is not there.

        Only a collection says what was asked of it. A signed row of a list has none beside it and counts as
        outstanding, unless it shows a package or was signed by PKI, which is never packaged: it is better
        said late than too early that a file is ready. Text is never packaged, whatever was asked.
        """
        documents = self._documents(self._signatures())
        originals = [item for item in documents if item.role is DocumentRole.TO_SIGN]
        if originals and all((item.media_type or "").startswith("text/") for item in originals):
            return False
        asked = [(item.package_to, item.output) for item in self.collections]
        asked += [(part.wire.package_to, part.wire.output) for part in self.parts if part.wire]
        if any(missing(package_to, output) for package_to, output in asked):
            return True
        return self.partial and not any(part.output.packages or part.by_pki for part in self.parts)

    def _words(self, status: SessionStatus) -> str | None:
        unknown = status is SessionStatus.UNKNOWN
        chosen = [part for part in self.parts if not unknown or part.status is ParticipantStatus.UNKNOWN]
        return ", ".join(dict.fromkeys(part.word for part in chosen if part.word)) or None

    def _first(self, read: Callable[[SigningSession], str | None]) -> str | None:
        for part in self.parts:
            if part.wire is not None and (value := read(part.wire)):
                return value
        return None

    def _reference(self) -> str | None:
        if self.known and self.known.reference:
            return self.known.reference
        return reference_of(self._first(lambda wire: wire.external_reference))

    def _created_at(self, documents: Iterable[Document]) -> datetime | None:
        """Signicat does not say; a document is uploaded at most 30 minutes before the session that uses it."""
        if said := parse_instant(self._first(lambda wire: wire.created_at)):
            return said
        if self.known and self.known.created_at:
            return self.known.created_at
        made = (item.created_at for item in documents if item.created_at and item.role in _ORIGINALS)
        return min(made, default=None)

    def _completed_at(self, documents: Iterable[Document]) -> datetime | None:
        """When the last result was made, as Signicat does not say when the session was complete."""
        if self.known and self.known.completed_at:
            return self.known.completed_at
        made = (item.created_at for item in documents if item.created_at and item.role in _RESULTS)
        return max(made, default=None)

    def _signing_order(self) -> SigningOrder:
        if self.known and not self.known.partial:
            return self.known.signing_order
        chained = self.composed and any(part.wire and part.wire.subsequent_to for part in self.parts)
        return SigningOrder.SEQUENTIAL if chained else SigningOrder.PARALLEL

    def _participants(self) -> Iterator[Participant]:
        in_turn = self._signing_order() is SigningOrder.SEQUENTIAL
        for place, (part, status) in enumerate(zip(self.parts, self.statuses, strict=True), start=1):
            known = self.known.participant(part.key) if self.known else None
            wire, order = part.wire, place if in_turn else None
            language = wire.ui.language if wire and wire.ui else None
            url = wire.signature_url if wire else None
            until = parse_instant(wire.signature_url_expires_at) if wire else None
            if known is None:
                yield Participant(
                    session=self.ref,
                    key=part.key,
                    role=ParticipantRole.SIGNER,
                    order=order,
                    status=status,
                    provider_status=part.word,
                    language=language,
                    signing_url=url,
                    signing_url_expires_at=until,
                )
            else:
                yield replace(
                    known,
                    session=self.ref,
                    order=order,
                    status=status,
                    provider_status=part.word,
                    language=known.language or language,
                    signing_url=url or known.signing_url,
                    signing_url_expires_at=until or known.signing_url_expires_at,
                )

    def _documents(self, signatures: Iterable[Signature]) -> tuple[Document, ...]:
        there = {item.key: item for item in self.known.documents} if self.known else {}
        found = {item.key: item for item in self._uses(there)}
        found.update((item.key, item) for item in self._results(signatures, there))
        if any(part.wire is None for part in self.parts):
            found = {key: item for key, item in there.items() if key not in found} | found
        return tuple(map(self._described, found.values()) if self.metadata else found.values())

    def _uses(self, there: Mapping[str, Document]) -> Iterator[Document]:
        status = DocumentStatus.SIGNED if self.all_signed else DocumentStatus.READY
        for part in self.parts:
            for use in part.documents:
                if use.document_id and (use.action or "").upper() == "VIEW":
                    yield self._document(there, use.document_id, DocumentRole.ATTACHMENT, DocumentStatus.READY)
                elif use.document_id:
                    yield self._document(there, use.document_id, DocumentRole.TO_SIGN, status)

    def _results(self, signatures: Iterable[Signature], there: Mapping[str, Document]) -> Iterator[Document]:
        for signature in signatures:
            pdf = signature.format is SignatureFormat.PADES
            role, status = (
                (DocumentRole.SIGNED, DocumentStatus.SIGNED) if pdf else (DocumentRole.EVIDENCE, DocumentStatus.READY)
            )
            item = self._document(there, signature.key, role, status)
            media_type = {SignatureFormat.PADES: "application/pdf", SignatureFormat.XADES: "application/xml"}
            yield replace(item, media_type=item.media_type or media_type.get(signature.format))

    def _document(self, there: Mapping[str, Document], key: str, role: DocumentRole, status: DocumentStatus) -> Document:
        known = there.get(key)
        if known is None:
            return Document(session=self.ref, key=key, role=role, status=status)
        if known.status is DocumentStatus.DELETED:
            status = known.status
        if known.role is role and known.status is status and known.session == self.ref:
            return known
        return replace(known, session=self.ref, role=role, status=status)

    def _described(self, item: Document) -> Document:
        if item.key not in self.metadata:
            return item
        metadata = self.metadata[item.key]
        if metadata is None:
            return replace(item, status=DocumentStatus.DELETED)
        return replace(
            item,
            title=item.title or metadata.title,
            filename=item.filename or metadata.filename,
            description=item.description or metadata.description,
            media_type=item.media_type or metadata.mime_type,
            sha256=item.sha256 or (metadata.document_hash.sha256 if metadata.document_hash else None),
            created_at=item.created_at or parse_instant(metadata.created_at),
        )

    def _signatures(self) -> Iterator[Signature]:
        outputs = [(part.key, part.output) for part in self.parts]
        seen: set[str] = set()
        for participant, output in outputs:
            for made in output.signatures or ():
                if made.result_document_id and made.result_document_id not in seen:
                    seen.add(made.result_document_id)
                    kind = SIGNATURE_FORMAT.get((made.signature_type or "").upper(), SignatureFormat.UNKNOWN)
                    yield self._signature(made.result_document_id, kind, participant)
        for output in [item.output or Output() for item in self.collections] + [output for _, output in outputs]:
            for package in output.packages or ():
                if package.result_document_id and package.result_document_id not in seen:
                    seen.add(package.result_document_id)
                    yield self._signature(package.result_document_id, SignatureFormat.PADES, None)

    def _signature(self, key: str, kind: SignatureFormat, participant: str | None) -> Signature:
        metadata = self.metadata.get(key)
        known = self.known.signature(key) if self.known else None
        at = known.created_at if known and known.created_at else parse_instant(metadata.created_at if metadata else None)
        return Signature(session=self.ref, key=key, format=kind, document=key, participant=participant, created_at=at)

    def _archive(self) -> Archive | None:
        wire = next((part.wire for part in self.parts if part.wire and part.wire.archive), None)
        known = self.known.archive if self.known else None
        if wire is None or wire.archive is None:
            return known
        return Archive(
            requested=wire.archive.send_signature_results_to_archive is not False,
            retention_period=(known.retention_period if known else None) or wire.archive.retention_period,
            archive_id=wire.archive.archive_id or wire.archive_id or (known.archive_id if known else None),
        )

    def _native(self) -> bytes:
        """The native session; of a composed one, all of them and the collection."""
        parts = [msgspec.Raw(part.native) for part in self.parts]
        if not self.composed:
            return bytes(parts[0])
        return msgspec.json.encode({"signingSessions": parts, "documentCollection": msgspec.Raw(self.collection_raw)})


def _undescribed(item: Document) -> bool:
    return item.created_at is None and item.status is not DocumentStatus.DELETED
