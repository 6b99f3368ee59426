"""Inputs that change sessions, their documents, participants and fields, and leftovers; and their changes in the model."""

from __future__ import annotations

import strawberry

from gateway.signing import LeftoverAction
from providers import model
from providers.orders import DocumentChange, FieldChange, FieldPlacement, ParticipantChange, SessionChange
from schema.inputs.creation import DocumentInput, ParticipantInput


@strawberry.input
class SessionActionInput:
    """The session that a mutation acts on."""

    session: strawberry.ID
    idempotency_key: str | None = None


@strawberry.input
class UpdateSessionInput:
    """Changes of a session; a field that is left out stays as it is."""

    session: strawberry.ID
    title: str | None = None
    reminder_frequency: model.ReminderFrequency | None = None
    idempotency_key: str | None = None

    def change(self) -> SessionChange:
        """The change in the model."""
        return SessionChange(title=self.title, reminder_frequency=self.reminder_frequency)


@strawberry.input
class CancelSessionInput:
    """The session to be canceled, and why."""

    session: strawberry.ID
    reason: str
    idempotency_key: str | None = None


@strawberry.input
class DuplicateSessionInput:
    """The session to be copied, and the title of the copy."""

    session: strawberry.ID
    title: str | None = None
    idempotency_key: str | None = None


@strawberry.input
class RecreateSessionInput:
    """The session to be replaced by a copy, the title of the copy, and why."""

    session: strawberry.ID
    title: str | None = None
    reason: str
    idempotency_key: str | None = None


@strawberry.input
class SetSigningOrderInput:
    """The signing order of a session's participants."""

    session: strawberry.ID
    order: model.SigningOrder
    participants: list[strawberry.ID] | None = None
    idempotency_key: str | None = None


@strawberry.input
class AddDocumentInput:
    """A document for a session that has not started."""

    session: strawberry.ID
    document: DocumentInput
    idempotency_key: str | None = None


@strawberry.input
class UpdateDocumentInput:
    """Changes of a document's names; a field that is left out stays as it is."""

    document: strawberry.ID
    title: str | None = None
    filename: str | None = None
    description: str | None = None

    def change(self) -> DocumentChange:
        """The change in the model."""
        return DocumentChange(title=self.title, filename=self.filename, description=self.description)


@strawberry.input
class RemoveDocumentInput:
    """The document to be removed."""

    document: strawberry.ID


@strawberry.input
class AddParticipantInput:
    """A participant for a session that has not started."""

    session: strawberry.ID
    participant: ParticipantInput
    idempotency_key: str | None = None


@strawberry.input
class UpdateParticipantInput:
    """Changes of a participant; a field that is left out stays as it is."""

    participant: strawberry.ID
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    delivery_methods: list[model.DeliveryMethod] | None = None

    def change(self) -> ParticipantChange:
        """The change in the model."""
        return ParticipantChange(
            first_name=self.first_name,
            middle_name=self.middle_name,
            last_name=self.last_name,
            email=self.email,
            phone=self.phone,
            language=self.language,
            delivery_methods=None if self.delivery_methods is None else tuple(self.delivery_methods),
        )


@strawberry.input
class RemoveParticipantInput:
    """The participant to be removed."""

    participant: strawberry.ID


@strawberry.input
class AddFieldInput:
    """A field for a document, and the participant who fills it."""

    document: strawberry.ID
    participant: strawberry.ID | None = None
    type: str | None = "Signature"
    page: int
    x: float
    y: float
    width: float
    height: float
    required: bool | None = True

    def placement(self, document: str, participant: str | None) -> FieldPlacement:
        """The placement of the field, by the keys of its document and participant."""
        return FieldPlacement(
            document=document,
            participant=participant,
            type=self.type or "Signature",
            page=self.page,
            x=self.x,
            y=self.y,
            width=self.width,
            height=self.height,
            required=self.required is not False,
        )


@strawberry.input
class UpdateFieldInput:
    """Changes of a field's place; a field that is left out stays as it is."""

    field: strawberry.ID
    page: int | None = None
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    required: bool | None = None

    def change(self) -> FieldChange:
        """The change in the model."""
        return FieldChange(page=self.page, x=self.x, y=self.y, width=self.width, height=self.height, required=self.required)


@strawberry.input
class RemoveFieldInput:
    """The field to be removed."""

    field: strawberry.ID


@strawberry.input
class DeleteSignatureInput:
    """The stored signature to be removed."""

    signature: strawberry.ID


@strawberry.input
class ResolveLeftoverInput:
    """The leftover to be resolved, and how."""

    leftover: strawberry.ID
    action: LeftoverAction
