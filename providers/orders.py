"""Orders to a provider: sessions, documents, participants, fields and signatures to create, and changes to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from providers.model import DeliveryMethod, DocumentRole, ReminderFrequency, SigningOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOrder:
    """A document to be signed. ``open`` streams its bytes from the beginning at each call."""

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
    """A participant to be invited. ``options`` are the provider's own, already validated."""

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
    """A field to be placed; ``document`` and ``participant`` are indexes of the order's own lists."""

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
    """A session to be created.

    ``marker`` is written where the provider has room for one, so that whatever an unanswered call created can be found.
    ``archive_for`` is an ISO 8601 duration; ``options`` are the provider's own, already validated.
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
    """A signature to be stored. ``tags`` None leaves them as they are."""

    document: str
    thread: str
    content: str = field(repr=False)
    version: int | None = None
    comment: str | None = None
    created_by: str | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """Changes to a session; None leaves a value as it is."""

    title: str | None = None
    reminder_frequency: ReminderFrequency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """Changes to a document; None leaves a value as it is."""

    title: str | None = None
    filename: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantChange:
    """Changes to a participant; None leaves a value as it is."""

    first_name: str | None = field(default=None, repr=False)
    middle_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    language: str | None = None
    delivery_methods: tuple[DeliveryMethod, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPlacement:
    """A field to be placed in an existing session; ``document`` and ``participant`` are keys."""

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
    """Changes to a field; None leaves a value as it is."""

    page: int | None = None
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    required: bool | None = None
