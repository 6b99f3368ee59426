"""Sessions: translates a snapshot of native sessions, collections and metadata into one session.

A native session becomes a participant, its results become documents. Pure: the calls are in ``client``.
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
    ParticipantStatus,
    Session,
    SessionKind,
    SessionRef,
    SessionStatus,
    Signature,
    SignatureFormat,
    SigningOrder,
)
from providers.signicat.composition.native_session import NativeSession, lacks_package, reference_of
from providers.signicat.wire import SIGNATURE_FORMAT, Collection, Metadata, Output, SigningSession

_PROCESSED = frozenset({ParticipantStatus.SIGNED, ParticipantStatus.DECLINED})
_ORIGINALS = (DocumentRole.TO_SIGN, DocumentRole.ATTACHMENT)
_RESULTS = (DocumentRole.SIGNED, DocumentRole.EVIDENCE)
_GONE = "A signing session of it was deleted at Signicat."


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Snapshot of all that was read of one session; ``known`` is the session as it was before.

    ``parts`` are its native sessions in signing order, and ``statuses`` those of their signers at ``now``. ``collections``
    are those read, ``collection_raw`` the JSON of a composed session's. ``metadata`` is by document, None for one that
    Signicat no longer has.
    """

    ref: SessionRef
    parts: tuple[NativeSession, ...]
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
        """Translates the snapshot."""
        signatures = tuple(self._signatures())
        documents = self._documents(signatures)
        known = self.known
        status = self.status
        created_at = self._created_at(documents)
        return Session(
            provider=self.ref.provider,
            key=self.ref.key,
            kind=SessionKind.SIGNING,
            status=status,
            provider_status=self._words(status),
            status_reason=_GONE if status is SessionStatus.CANCELED else None,
            title=self._first(lambda wire: wire.title) or (known.title if known else None),
            reference=self._reference(),
            created_at=created_at,
            started_at=created_at,
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
        """The status: one refusal or a missed due date ends a session; a signed one is complete once its packages are there."""
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
        """Whether every participant has signed; packages may be outstanding."""
        return all(status is ParticipantStatus.SIGNED for status in self.statuses)

    def documents_without_metadata(self) -> set[str]:
        """Keys of the documents whose metadata has not been read."""
        known = {item.key: item for item in self.known.documents} if self.known else {}
        keys = {use.document_id for part in self.parts for use in part.documents if use.document_id}
        keys |= {item.key for item in self._signatures()}
        if any(part.wire is None for part in self.parts):
            keys |= known.keys()
        return {key for key in keys if (item := known.get(key)) is None or _lacks_metadata(item)}

    def _status_of(self, part: NativeSession) -> ParticipantStatus:
        known = self.known.participant(part.key) if self.known else None
        if part.wire is None and known and known.status in _PROCESSED:
            return known.status
        waits = part.status is ParticipantStatus.INVITED or part.status is ParticipantStatus.WAITING
        return ParticipantStatus.EXPIRED if waits and part.due_at and part.due_at < self.now else part.status

    def _outstanding(self) -> bool:
        """Whether a requested package is not there yet.

        Only a collection says which packages it is to have. A signed row of a list comes without its collection and
        counts as outstanding, as a file that is reported too early cannot be downloaded; unless it has a package or was
        signed by PKI, which is never packaged. Nor is text, whatever was requested.
        """
        documents = self._documents(self._signatures())
        originals = [item for item in documents if item.role is DocumentRole.TO_SIGN]
        if originals and all((item.media_type or "").startswith("text/") for item in originals):
            return False
        requested = [(item.package_to, item.output) for item in self.collections]
        requested += [(part.wire.package_to, part.wire.output) for part in self.parts if part.wire]
        if any(lacks_package(package_to, output) for package_to, output in requested):
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
        """The time of the earliest document: Signicat states none, and drops an upload that no session uses in 30 minutes."""
        if stated := parse_instant(self._first(lambda wire: wire.created_at)):
            return stated
        if self.known and self.known.created_at:
            return self.known.created_at
        times = (item.created_at for item in documents if item.created_at and item.role in _ORIGINALS)
        return min(times, default=None)

    def _completed_at(self, documents: Iterable[Document]) -> datetime | None:
        """The time of the last result, as Signicat states none."""
        if self.known and self.known.completed_at:
            return self.known.completed_at
        times = (item.created_at for item in documents if item.created_at and item.role in _RESULTS)
        return max(times, default=None)

    def _signing_order(self) -> SigningOrder:
        if self.known and not self.known.partial:
            return self.known.signing_order
        chained = self.composed and any(part.wire and part.wire.subsequent_to for part in self.parts)
        return SigningOrder.SEQUENTIAL if chained else SigningOrder.PARALLEL

    def _participants(self) -> Iterator[Participant]:
        in_turn = self._signing_order() is SigningOrder.SEQUENTIAL
        for place, (part, status) in enumerate(zip(self.parts, self.statuses, strict=True), start=1):
            known = self.known.participant(part.key) if self.known else None
            yield part.participant(self.ref, place if in_turn else None, status, known)

    def _documents(self, signatures: Iterable[Signature]) -> tuple[Document, ...]:
        known = {item.key: item for item in self.known.documents} if self.known else {}
        documents = {item.key: item for item in self._originals(known)}
        documents.update((item.key, item) for item in self._results(signatures, known))
        if any(part.wire is None for part in self.parts):
            documents = {key: item for key, item in known.items() if key not in documents} | documents
        return tuple(map(self._with_metadata, documents.values()) if self.metadata else documents.values())

    def _originals(self, known: Mapping[str, Document]) -> Iterator[Document]:
        status = DocumentStatus.SIGNED if self.all_signed else DocumentStatus.READY
        for part in self.parts:
            for use in part.documents:
                if use.document_id and (use.action or "").upper() == "VIEW":
                    yield self._document(known, use.document_id, DocumentRole.ATTACHMENT, DocumentStatus.READY)
                elif use.document_id:
                    yield self._document(known, use.document_id, DocumentRole.TO_SIGN, status)

    def _results(self, signatures: Iterable[Signature], known: Mapping[str, Document]) -> Iterator[Document]:
        for signature in signatures:
            pdf = signature.format is SignatureFormat.PADES
            role, status = (
                (DocumentRole.SIGNED, DocumentStatus.SIGNED) if pdf else (DocumentRole.EVIDENCE, DocumentStatus.READY)
            )
            item = self._document(known, signature.key, role, status)
            media_type = {SignatureFormat.PADES: "application/pdf", SignatureFormat.XADES: "application/xml"}
            yield replace(item, media_type=item.media_type or media_type.get(signature.format))

    def _document(self, known: Mapping[str, Document], key: str, role: DocumentRole, status: DocumentStatus) -> Document:
        before = known.get(key)
        if before is None:
            return Document(session=self.ref, key=key, role=role, status=status)
        if before.status is DocumentStatus.DELETED:
            status = before.status
        if before.role is role and before.status is status and before.session == self.ref:
            return before
        return replace(before, session=self.ref, role=role, status=status)

    def _with_metadata(self, item: Document) -> Document:
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
            for result in output.signatures or ():
                if result.result_document_id and result.result_document_id not in seen:
                    seen.add(result.result_document_id)
                    kind = SIGNATURE_FORMAT.get((result.signature_type or "").upper(), SignatureFormat.UNKNOWN)
                    yield self._signature(result.result_document_id, kind, participant)
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
        """The JSON of the native session; of a composed one, that of all and of the collection."""
        parts = [msgspec.Raw(part.native) for part in self.parts]
        if not self.composed:
            return bytes(parts[0])
        return msgspec.json.encode({"signingSessions": parts, "documentCollection": msgspec.Raw(self.collection_raw)})


def _lacks_metadata(item: Document) -> bool:
    return item.created_at is None and item.status is not DocumentStatus.DELETED


def expired_session(known: Session) -> Session:
    """A session that is gone after its due date: participants who had not signed are EXPIRED, as it is itself."""
    open_statuses = {ParticipantStatus.WAITING, ParticipantStatus.INVITED}
    people = tuple(
        replace(person, status=ParticipantStatus.EXPIRED) if person.status in open_statuses else person
        for person in known.participants
    )
    return replace(known, status=SessionStatus.EXPIRED, participants=people)
