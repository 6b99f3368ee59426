"""Wire models: EasyInk's JSON, and the tables between its words and those of the model.

Required members are those without which nothing can be translated; any other may be missing, null or new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec

from providers.http.credentials import BearerToken
from providers.model import (
    DeliveryMethod,
    DocumentStatus,
    ParticipantRole,
    ParticipantStatus,
    ReminderFrequency,
    SessionStatus,
    SigningOrder,
)

T = TypeVar("T")

LONGEST_PAGE = 100  # sessions
LONGEST_SUBJECT = 500  # characters
LONGEST_REASON = 1000  # characters


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of the wire models: names in camel case."""


class DraftFile(Wire, frozen=True):
    """A document or an attachment of a draft."""

    id: str
    title: str | None = None
    status: str | None = None


class DraftParticipant(Wire, frozen=True):
    """A participant of a draft, who has no status yet."""

    id: str
    role: str | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    delivery_methods: tuple[str, ...] | None = None


class FieldPlacement(Wire, frozen=True):
    """Position and size in points, from the lower left corner of a page; the first page is 1."""

    page: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
    position_x: float
    position_y: float
    size_x: float
    size_y: float


class FieldOptions(Wire, frozen=True):
    """Options of a field's type."""

    is_required: bool | None = None


class FieldBody(Wire, frozen=True):
    """Type, placement and options of a field."""

    type: str
    placement: FieldPlacement
    options: FieldOptions | None = None


class DraftField(Wire, frozen=True):
    """A field of a draft."""

    id: str
    document_id: str
    field: FieldBody
    participant_id: str | None = None
    depends_on: str | None = None


class SigningOrderSettings(Wire, frozen=True):
    """``participants_order`` is null where all sign at once."""

    type: str | None = None
    participants_order: tuple[str, ...] | None = None


class Draft(Wire, frozen=True):
    """A draft; locked once it was converted."""

    subject: str | None = None
    is_locked: bool | None = None
    documents: tuple[DraftFile, ...] | None = None
    attachments: tuple[DraftFile, ...] | None = None
    participants: tuple[DraftParticipant, ...] | None = None
    signature_fields: tuple[DraftField, ...] | None = None
    reminder_frequency: str | None = None
    signing_order_settings: SigningOrderSettings | None = None


class ViewDocument(Wire, frozen=True):
    """An original in a view."""

    document_id: str
    title: str | None = None


class ViewAttachment(Wire, frozen=True):
    """An attachment in a view; the name of its id is not published."""

    attachment_id: str | None = None
    document_id: str | None = None
    id: str | None = None
    title: str | None = None

    @property
    def key(self) -> str | None:
        """The id, under any of its names."""
        return self.attachment_id or self.document_id or self.id


class ViewParticipant(Wire, frozen=True):
    """A participant in a view."""

    participant_id: str
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    role: str | None = None
    status: str | None = None
    signed_at: str | None = None


class SignedDocument(Wire, frozen=True):
    """A document with the signatures of all participants."""

    signed_document_id: str
    title: str | None = None
    processing_status: str | None = None


class AllInOneDocument(Wire, frozen=True):
    """All documents of a session in one file."""

    title: str | None = None
    status: str | None = None


class View(Wire, frozen=True):
    """View of a session that is no draft."""

    status: str
    subject: str | None = None
    documents: tuple[ViewDocument, ...] | None = None
    participants: tuple[ViewParticipant, ...] | None = None
    signed_documents: tuple[SignedDocument, ...] | None = None
    attachments: tuple[ViewAttachment, ...] | None = None
    all_in_one_document: AllInOneDocument | None = None


class SearchItem(Wire, frozen=True):
    """A row of a search."""

    id: str
    subject: str | None = None
    created: str | None = None
    status: str | None = None


class SearchPage(Wire, frozen=True):
    """A page of a search, each row undecoded."""

    items: tuple[msgspec.Raw, ...]
    total_items_count: object = None


class Counts(Wire, frozen=True):
    """Counts of sessions; those that were sent count as in progress."""

    sessions_to_sign_count: object = None
    drafts_count: object = None
    ready_to_start_count: object = None
    in_progress_count: object = None
    needs_action_count: object = None


class AccessToken(msgspec.Struct, frozen=True):
    """An answer of the token endpoint; ``expires_in`` is seconds."""

    access_token: BearerToken
    expires_in: object = None

    def __repr__(self) -> str:
        return f"AccessToken(expires_in={self.expires_in})"


SESSION_STATUS: Mapping[str, SessionStatus] = {
    "draft": SessionStatus.DRAFT,
    "readytostart": SessionStatus.READY,
    "pending": SessionStatus.PENDING,
    "inprogress": SessionStatus.IN_PROGRESS,
    "finished": SessionStatus.COMPLETED,
    "declined": SessionStatus.DECLINED,
    "voided": SessionStatus.CANCELED,
    "expired": SessionStatus.EXPIRED,
}
# The product's user interface says Completed where its API says Signed.
PARTICIPANT_STATUS: Mapping[str, ParticipantStatus] = {
    "pending": ParticipantStatus.INVITED,
    "viewed": ParticipantStatus.VIEWED,
    "signed": ParticipantStatus.SIGNED,
    "completed": ParticipantStatus.SIGNED,
    "declined": ParticipantStatus.DECLINED,
}
# Published are only the words for ready; the others follow their pattern.
DOCUMENT_STATUS: Mapping[str, DocumentStatus] = {
    "processing": DocumentStatus.PROCESSING,
    "processinginprogress": DocumentStatus.PROCESSING,
    "processingready": DocumentStatus.READY,
    "ready": DocumentStatus.READY,
    "processingfailed": DocumentStatus.FAILED,
    "failed": DocumentStatus.FAILED,
}
ROLE: Mapping[str, ParticipantRole] = {
    "signer": ParticipantRole.SIGNER,
    "initiator": ParticipantRole.INITIATOR,
    "cc": ParticipantRole.COPY,
}
REMINDER: Mapping[str, ReminderFrequency] = {each.value.lower(): each for each in ReminderFrequency}
SIGNING_ORDER: Mapping[str, SigningOrder] = {"allatonce": SigningOrder.PARALLEL, "onebyone": SigningOrder.SEQUENTIAL}
DELIVERY: Mapping[str, DeliveryMethod] = {"email": DeliveryMethod.EMAIL, "sms": DeliveryMethod.SMS}
LANGUAGE: Mapping[str, str] = {"english": "en", "spanish": "es"}


def from_wire(table: Mapping[str, T], word: str | None, default: T) -> T:
    """The value of EasyInk's word, regardless of case; ``default`` for one that the table lacks."""
    return table.get((word or "").lower(), default)


def to_wire(table: Mapping[str, T], value: T) -> str:
    """EasyInk's word for a value, in its spelling. Raises ``StopIteration`` where the table lacks the value."""
    return next(word for word, each in table.items() if each == value).capitalize()
