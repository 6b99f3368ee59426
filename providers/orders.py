"""What somebody asks of a provider: whole sessions, parts of one, and changes to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from providers.model import DeliveryMethod, DocumentRole, ReminderFrequency, SigningOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOrder:
    """A document that somebody asks to have signed. ``open`` starts reading its bytes anew at each call."""

    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    open: Callable[[], AsyncIterator[bytes]] = field(repr=False)
    title: str | None = None
    description: str | None = None
    role: DocumentRole = DocumentRole.TO_SIGN


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantOrder:
    """A person who is asked to sign. ``options`` is what only the provider knows, already validated."""

    first_name: str | None = field(default=None, repr=False)
    middle_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    language: str | None = None
    delivery_methods: tuple[DeliveryMethod, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOrder:
    """A field that somebody asks for; document and participant are places in the order's own lists."""

    document: int
    participant: int | None
    type: str
    page: int
    x: float
    y: float
    width: float
    height: float
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A session that somebody asks for.

    ``marker`` is put where the provider has room for one, so that what an unanswered call made can be found.
    ``archive_for`` is an ISO 8601 duration; ``options`` is what only the provider knows, already validated.
    """

    title: str
    documents: tuple[DocumentOrder, ...] = ()
    participants: tuple[ParticipantOrder, ...] = ()
    fields: tuple[FieldOrder, ...] = ()
    signing_order: SigningOrder = SigningOrder.PARALLEL
    due_at: datetime | None = None
    reference: str | None = None
    message: str | None = None
    reminder_frequency: ReminderFrequency | None = None
    archive_for: str | None = None
    start: bool = True
    marker: str = ""
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureOrder:
    """A signature that somebody asks a provider to keep. ``tags`` None leaves them as they are."""

    document: str
    thread: str
    content: str = field(repr=False)
    version: int | None = None
    comment: str | None = None
    created_by: str | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """What is to change about a session; None stays as it is."""

    title: str | None = None
    reminder_frequency: ReminderFrequency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """What is to change about a document; None stays as it is."""

    title: str | None = None
    filename: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantChange:
    """What is to change about a participant; None stays as it is."""

    first_name: str | None = field(default=None, repr=False)
    middle_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    language: str | None = None
    delivery_methods: tuple[DeliveryMethod, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPlacement:
    """A field for a document and a participant that exist; both are keys."""

    document: str
    participant: str | None
    type: str
    page: int
    x: float
    y: float
    width: float
    height: float
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """What is to change about a field; None stays as it is."""

    page: int | None = None
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    required: bool | None = None
