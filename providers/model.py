"""The words of the house as frozen values: what adapters return and what everything else reads.

Nothing here knows a provider, a database or GraphQL. Every time is aware and in UTC.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from typing import ClassVar, NamedTuple


class SessionKind(StrEnum):
    """What a session is at its provider."""

    SIGNING = "SIGNING"
    SEALING = "SEALING"
    RECORD = "RECORD"


class SessionStatus(StrEnum):
    """One vocabulary for the state of a session at every provider."""

    DRAFT = "DRAFT"
    READY = "READY"
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    PARTIALLY_COMPLETED = "PARTIALLY_COMPLETED"
    DECLINED = "DECLINED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    DELETED = "DELETED"
    UNKNOWN = "UNKNOWN"

    @property
    def final(self) -> bool:
        """No further change is expected."""
        return self in _FINAL


_FINAL = frozenset(
    {
        SessionStatus.COMPLETED,
        SessionStatus.PARTIALLY_COMPLETED,
        SessionStatus.DECLINED,
        SessionStatus.CANCELED,
        SessionStatus.EXPIRED,
        SessionStatus.FAILED,
        SessionStatus.DELETED,
    }
)


class SigningOrder(StrEnum):
    """Whether the participants sign side by side or one after the other."""

    PARALLEL = "PARALLEL"
    SEQUENTIAL = "SEQUENTIAL"


class ReminderFrequency(StrEnum):
    """How often the provider reminds a participant who has not signed."""

    NEVER = "NEVER"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"


class DocumentRole(StrEnum):
    """What a document is for within its session."""

    TO_SIGN = "TO_SIGN"
    ATTACHMENT = "ATTACHMENT"
    SIGNED = "SIGNED"
    EVIDENCE = "EVIDENCE"


class DocumentStatus(StrEnum):
    """Whether a document's bytes can be had, and whether it was signed."""

    PROCESSING = "PROCESSING"
    READY = "READY"
    SIGNED = "SIGNED"
    FAILED = "FAILED"
    DELETED = "DELETED"
    UNKNOWN = "UNKNOWN"


class ParticipantRole(StrEnum):
    """What a person does in a session."""

    SIGNER = "SIGNER"
    INITIATOR = "INITIATOR"
    COPY = "COPY"
    UNKNOWN = "UNKNOWN"


class ParticipantStatus(StrEnum):
    """How far a person is."""

    WAITING = "WAITING"
    INVITED = "INVITED"
    VIEWED = "VIEWED"
    SIGNED = "SIGNED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class DeliveryMethod(StrEnum):
    """How an invitation reaches a participant."""

    EMAIL = "EMAIL"
    SMS = "SMS"


class SignatureFormat(StrEnum):
    """The container a signature comes in."""

    CADES = "CADES"
    PADES = "PADES"
    XADES = "XADES"
    XMLDSIG = "XMLDSIG"
    UNKNOWN = "UNKNOWN"


class ChangeSource(StrEnum):
    """How the gateway came to know a state."""

    MUTATION = "MUTATION"
    READ = "READ"
    POLL = "POLL"
    WEBHOOK = "WEBHOOK"
    DERIVED = "DERIVED"


class SessionRef(NamedTuple):
    """Which session: the configured name of a provider, and the session's key there.

    A tuple, as one is looked up by it a dozen times for each request.
    """

    provider: str
    key: str


class UnreadableRow(NamedTuple):
    """A row of a list, or a part of a session, that could not be read: its key where that is known, and why."""

    key: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file of a session: what is to be signed, what goes along, or what came out."""

    session: SessionRef
    key: str
    role: DocumentRole
    status: DocumentStatus
    title: str | None = None
    filename: str | None = None
    description: str | None = None
    provider_status: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A person of a session. Everything but key, role, order and status is personal data."""

    session: SessionRef
    key: str
    role: ParticipantRole
    status: ParticipantStatus
    order: int | None = None
    provider_status: str | None = None
    first_name: str | None = field(default=None, repr=False)
    middle_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    display_name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    language: str | None = None
    signed_at: datetime | None = None
    decline_reason: str | None = field(default=None, repr=False)
    delivery_methods: tuple[DeliveryMethod, ...] = ()
    signing_url: str | None = field(default=None, repr=False)
    signing_url_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature that a provider keeps or made; ``document`` is the key of the document that carries it."""

    session: SessionRef
    key: str
    format: SignatureFormat
    document: str | None = None
    participant: str | None = None
    version: int | None = None
    comment: str | None = None
    tags: tuple[str, ...] = ()
    created_by: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    signed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where a participant signs: PDF points from the lower left corner of a page (the first is 1)."""

    session: SessionRef
    key: str
    document: str
    participant: str | None
    type: str
    page: int
    x: float
    y: float
    width: float
    height: float
    required: bool
    depends_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What was asked of a provider's long-term archive, and what it said.

    ``retention_period`` is an ISO 8601 duration as it was written: a year is not 365 days to an archive.
    """

    requested: bool
    retention_period: str | None = None
    archive_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Counts of participants; for a batch, of documents."""

    required: int
    signed: int
    declined: int
    pending: int
    failed: int


class Lasting:
    """What several sightings of a session have in common."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a person calls "the thing being signed".

    ``parts`` names the provider's own sessions where this one is composed of several, in signing
    order. ``partial`` marks a row of a list that lacks what only a single read gives. ``native`` is the
    provider's last payload as JSON, unchanged but for its signing URLs, which are left out.
    ``unreadable`` names parts that could not be read, or whose links led nowhere.
    ``observed_at``, ``source`` and ``stale`` are written by the gateway, never by an adapter.

    What follows from the rest is worked out once, and so there are no slots here.
    """

    provider: str
    key: str
    kind: SessionKind
    status: SessionStatus
    provider_status: str | None = None
    status_reason: str | None = None
    title: str | None = None
    reference: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    due_at: datetime | None = None
    completed_at: datetime | None = None
    signing_order: SigningOrder = SigningOrder.PARALLEL
    reminder_frequency: ReminderFrequency | None = None
    documents: tuple[Document, ...] = ()
    participants: tuple[Participant, ...] = ()
    signatures: tuple[Signature, ...] = ()
    fields: tuple[Field, ...] = ()
    archive: Archive | None = None
    parts: tuple[str, ...] = ()
    partial: bool = False
    unreadable: tuple[UnreadableRow, ...] = ()
    native: bytes = field(default=b"null", repr=False)
    observed_at: datetime | None = None
    source: ChangeSource = ChangeSource.READ
    stale: bool = False

    PASSING: ClassVar[frozenset[str]] = frozenset({"observed_at", "source", "stale"})
    """What the gateway writes: how and when a session was seen, which says nothing of the session."""

    @cached_property
    def ref(self) -> SessionRef:
        """The name under which every part of the gateway knows this session."""
        return SessionRef(self.provider, self.key)

    @property
    def final(self) -> bool:
        """No further change is expected."""
        return self.status.final

    @cached_property
    def settled(self) -> bool:
        """Final, and no result is still being made: there is no reason to read it again."""
        return self.final and all(item.status is not DocumentStatus.PROCESSING for item in self.documents)

    @cached_property
    def told(self) -> tuple[object, ...]:
        """All that a provider says of it: the same whenever and however it was seen."""
        return _told(self)

    @cached_property
    def lasting(self) -> Lasting:
        """Stands for all of it but what is passing: as often as the same is ``seen``, this stays the same object."""
        return Lasting()

    def seen(self, at: datetime, source: ChangeSource) -> Session:
        """The same session, as it was seen then. It is what ``replace`` would make, at a tenth of the cost."""
        again = object.__new__(Session)
        told = vars(self).copy()
        told["observed_at"], told["source"], told["stale"] = at, source, False
        object.__setattr__(again, "__dict__", told)
        return again

    @cached_property
    def progress(self) -> Progress:
        """How many participants have acted; a session without any counts its documents to sign."""
        if self.participants:
            return _participants_progress(self.participants)
        return _documents_progress(self.documents)

    def document(self, key: str) -> Document | None:
        """The document with this key."""
        return next((item for item in self.documents if item.key == key), None)

    def participant(self, key: str) -> Participant | None:
        """The participant with this key."""
        return next((item for item in self.participants if item.key == key), None)

    def signature(self, key: str) -> Signature | None:
        """The signature with this key."""
        return next((item for item in self.signatures if item.key == key), None)

    def field(self, key: str) -> Field | None:
        """The field with this key."""
        return next((item for item in self.fields if item.key == key), None)


_told = attrgetter(*(each.name for each in fields(Session) if each.name not in Session.PASSING))


def _participants_progress(participants: tuple[Participant, ...]) -> Progress:
    signers = [person.status for person in participants if person.role is not ParticipantRole.COPY]
    signed = signers.count(ParticipantStatus.SIGNED)
    declined = signers.count(ParticipantStatus.DECLINED)
    failed = signers.count(ParticipantStatus.FAILED) + signers.count(ParticipantStatus.EXPIRED)
    pending = len(signers) - signed - declined - failed
    return Progress(required=len(signers), signed=signed, declined=declined, pending=pending, failed=failed)


def _documents_progress(documents: tuple[Document, ...]) -> Progress:
    to_sign = [item.status for item in documents if item.role is DocumentRole.TO_SIGN]
    signed = to_sign.count(DocumentStatus.SIGNED)
    failed = to_sign.count(DocumentStatus.FAILED)
    return Progress(required=len(to_sign), signed=signed, declined=0, pending=len(to_sign) - signed - failed, failed=failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A provider's own counts of its sessions; None where it does not count that."""

    by_status: Mapping[SessionStatus, int]
    to_sign: int | None = None
    needs_action: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A row of a provider's list, by its payload. What it tells is read only where that is news."""

    key: str
    native: bytes = field(repr=False)
    read: Callable[[], Session]

    @classmethod
    def of(cls, session: Session) -> Listed:
        """One that has been read."""
        return cls(key=session.key, native=session.native, read=lambda: session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A slice of a provider's list, newest first.

    ``total`` counts all rows of the list now, where the provider says so; ``next_offset`` is where the
    following slice begins, None at the end. ``unreadable`` are rows of it that could not be decoded.
    """

    rows: tuple[Listed, ...]
    total: int | None
    next_offset: int | None
    unreadable: tuple[UnreadableRow, ...] = ()

    @property
    def sessions(self) -> tuple[Session, ...]:
        """What all rows tell."""
        return tuple(row.read() for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Bytes on their way: read once, by the one who asked for them."""

    chunks: AsyncIterator[bytes]
    media_type: str
    filename: str | None = None
    size_bytes: int | None = None
