"""EasyInk's JSON as typed models, its settings with its path table, and the tables between its words and ours.

The models require only what cannot be done without; anything else may be missing, null or new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr

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
from providers.settings import HttpQueryUrl, HttpUrl, ProviderSettings

T = TypeVar("T")

_DRAFTS = "/api/signingSessionDrafts"
_DRAFT = f"{_DRAFTS}/{{session}}"
_SESSIONS = "/api/signingSessions"
_SESSION = f"{_SESSIONS}/{{session}}"

LONGEST_PAGE = 100  # sessions
LONGEST_SUBJECT = 500  # characters
LONGEST_REASON = 1000  # characters


class EasyInkSettings(ProviderSettings):
    """One ``[[providers]]`` table of kind "easyink".

    ``identity_url`` is the host where a person signs in, ``redirect_uri`` where that host sends them afterwards:
    EasyInk's own site unless it registered another. ``access_token`` is the token of a person, where one was
    already given.
    """

    # Published are create_draft, upload_document, add_participant and void_session; the rest is inferred.
    PATHS: ClassVar[dict[str, str]] = {
        "create_draft": _DRAFTS,
        "fetch_draft": _DRAFT,
        "draft_exists": _DRAFT,
        "update_draft": _DRAFT,
        "delete_draft": _DRAFT,
        "upload_document": f"{_DRAFT}/documents",
        "download_draft_document": f"{_DRAFT}/documents/{{document}}",
        "remove_document": f"{_DRAFT}/documents/{{document}}",
        "add_attachment": f"{_DRAFT}/attachments",
        "download_draft_attachment": f"{_DRAFT}/attachments/{{document}}",
        "remove_attachment": f"{_DRAFT}/attachments/{{document}}",
        "add_participant": f"{_DRAFT}/participants",
        "add_self": f"{_DRAFT}/participants/self",
        "update_participant": f"{_DRAFT}/participants/{{participant}}",
        "remove_participant": f"{_DRAFT}/participants/{{participant}}",
        "sequential_order": f"{_DRAFT}/signingOrder/oneByOne",
        "parallel_order": f"{_DRAFT}/signingOrder/allAtOnce",
        "add_field": f"{_DRAFT}/signatureFields",
        "add_fields": f"{_DRAFT}/signatureFields/bulk",
        "remove_field": f"{_DRAFT}/signatureFields/{{field}}",
        "update_field_options": f"{_DRAFT}/signatureFields/{{field}}/options",
        "update_field_placement": f"{_DRAFT}/signatureFields/{{field}}/placement",
        "convert_draft": f"{_DRAFT}/converted",
        "start_session": f"{_SESSION}/started",
        "void_session": f"{_SESSION}/voided",
        "duplicate_session": f"{_SESSION}/duplicated",
        "recreate_session": f"{_SESSION}/recreated",
        "fetch_session": _SESSION,
        "session_exists": _SESSION,
        "search_sessions": _SESSIONS,
        "fetch_statistics": f"{_SESSIONS}/statistics",
        "update_delivery": f"{_SESSION}/participants/{{participant}}/deliveryMethods",
        "download_document": f"{_SESSION}/documents/{{document}}",
        "download_attachment": f"{_SESSION}/attachments/{{document}}",
        "download_signed_document": f"{_SESSION}/signedDocuments/{{document}}",
        "download_all_in_one": f"{_SESSION}/allInOneDocument",
        "authorize": "/connect/authorize",
        "token": "/connect/token",
    }

    kind: Literal["easyink"] = "easyink"
    identity_url: HttpUrl
    client_id: str
    client_secret: SecretStr
    redirect_uri: HttpQueryUrl
    access_token: SecretStr | None = None


class EasyInkOptions(BaseModel):
    """EasyInk takes nothing for a session beyond what every provider takes."""

    model_config = ConfigDict(extra="forbid")


class EasyInkParticipantOptions(BaseModel):
    """EasyInk takes nothing for a participant beyond what every provider takes."""

    model_config = ConfigDict(extra="forbid")


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What all of its JSON has in common: camel case."""


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
    """Points from the lower left corner of a page; the first page is 1."""

    page: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
    position_x: float
    position_y: float
    size_x: float
    size_y: float


class FieldOptions(Wire, frozen=True):
    """What a field's type allows to choose."""

    is_required: bool | None = None


class FieldBody(Wire, frozen=True):
    """What a field is and where."""

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
    """A session that can still be changed; locked once it cannot."""

    subject: str | None = None
    is_locked: bool | None = None
    documents: tuple[DraftFile, ...] | None = None
    attachments: tuple[DraftFile, ...] | None = None
    participants: tuple[DraftParticipant, ...] | None = None
    signature_fields: tuple[DraftField, ...] | None = None
    reminder_frequency: str | None = None
    signing_order_settings: SigningOrderSettings | None = None


class ViewDocument(Wire, frozen=True):
    """An original in the view of a session."""

    document_id: str
    title: str | None = None


class ViewAttachment(Wire, frozen=True):
    """An attachment in the view of a session; the name of its id is not published."""

    attachment_id: str | None = None
    document_id: str | None = None
    id: str | None = None
    title: str | None = None

    @property
    def key(self) -> str | None:
        """Its id under whichever name."""
        return self.attachment_id or self.document_id or self.id


class ViewParticipant(Wire, frozen=True):
    """A participant in the view of a session."""

    participant_id: str
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    role: str | None = None
    status: str | None = None
    signed_at: str | None = None


class SignedDocument(Wire, frozen=True):
    """A document with the signatures of everyone."""

    signed_document_id: str
    title: str | None = None
    processing_status: str | None = None


class AllInOneDocument(Wire, frozen=True):
    """Everything of a session in one file."""

    title: str | None = None
    status: str | None = None


class View(Wire, frozen=True):
    """A session as EasyInk shows it once it is no draft."""

    status: str
    subject: str | None = None
    documents: tuple[ViewDocument, ...] | None = None
    participants: tuple[ViewParticipant, ...] | None = None
    signed_documents: tuple[SignedDocument, ...] | None = None
    attachments: tuple[ViewAttachment, ...] | None = None
    all_in_one_document: AllInOneDocument | None = None


class SearchItem(Wire, frozen=True):
    """One row of a search."""

    id: str
    subject: str | None = None
    created: str | None = None
    status: str | None = None


class SearchPage(Wire, frozen=True):
    """One page of a search; each row stays as it came."""

    items: tuple[msgspec.Raw, ...]
    total_items_count: object = None


class Counts(Wire, frozen=True):
    """How many sessions there are; those that were sent count as in progress."""

    sessions_to_sign_count: object = None
    drafts_count: object = None
    ready_to_start_count: object = None
    in_progress_count: object = None
    needs_action_count: object = None


class GivenToken(msgspec.Struct, frozen=True):
    """What the identity host gives for a code; ``expires_in`` is seconds."""

    access_token: BearerToken
    expires_in: object = None

    def __repr__(self) -> str:
        return f"GivenToken(expires_in={self.expires_in})"


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
# The interface of the product says Completed where its API says Signed.
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


def read(table: Mapping[str, T], word: str | None, otherwise: T) -> T:
    """Our word for theirs, in whichever case; ``otherwise`` for one that the table lacks."""
    return table.get((word or "").lower(), otherwise)


def theirs(table: Mapping[str, T], ours: T) -> str:
    """Their word for ours, spelled as they do. Raises ``StopIteration`` where they have none."""
    return next(word for word, value in table.items() if value == ours).capitalize()
