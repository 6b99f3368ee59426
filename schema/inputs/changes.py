"""What clients send to change a session or what is inside one, and how it reads to the gateway."""

from __future__ import annotations

import strawberry

from gateway.signing import LeftoverAction
from providers import model
from providers.orders import DocumentChange, FieldChange, FieldPlacement, ParticipantChange, SessionChange
from schema.inputs.creation import DocumentInput, ParticipantInput


@strawberry.input
class SessionActionInput:
    """Which session something is done with."""

    session: strawberry.ID
    idempotency_key: str | None = None


@strawberry.input
class UpdateSessionInput:
    """What is to change about a session; what is left out stays as it is."""

    session: strawberry.ID
    title: str | None = None
    reminder_frequency: model.ReminderFrequency | None = None
    idempotency_key: str | None = None

    def change(self) -> SessionChange:
        """The change in the model's words."""
        return SessionChange(title=self.title, reminder_frequency=self.reminder_frequency)


@strawberry.input
class CancelSessionInput:
    """Which session is ended, and why."""

    session: strawberry.ID
    reason: str
    idempotency_key: str | None = None


@strawberry.input
class DuplicateSessionInput:
    """Which session is copied, and what the copy is called."""

    session: strawberry.ID
    title: str | None = None
    idempotency_key: str | None = None


@strawberry.input
class RecreateSessionInput:
    """Which session is replaced by a copy, what that is called, and why."""

    session: strawberry.ID
    title: str | None = None
    reason: str
    idempotency_key: str | None = None


@strawberry.input
class SetSigningOrderInput:
    """Who signs after whom."""

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
    """What a document is called from now on; what is left out stays as it is."""

    document: strawberry.ID
    title: str | None = None
    filename: str | None = None
    description: str | None = None

    def change(self) -> DocumentChange:
        """The change in the model's words."""
        return DocumentChange(title=self.title, filename=self.filename, description=self.description)


@strawberry.input
class RemoveDocumentInput:
    """Which document is taken out."""

    document: strawberry.ID


@strawberry.input
class AddParticipantInput:
    """A person for a session that has not started."""

    session: strawberry.ID
    participant: ParticipantInput
    idempotency_key: str | None = None


@strawberry.input
class UpdateParticipantInput:
    """Who a person is from now on; what is left out stays as it is."""

    participant: strawberry.ID
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    delivery_methods: list[model.DeliveryMethod] | None = None

    def change(self) -> ParticipantChange:
        """The change in the model's words."""
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
    """Which person is taken out."""

    participant: strawberry.ID


@strawberry.input
class AddFieldInput:
    """A field for a document, and who fills it."""

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
        """The field in the model's words, for a document and a participant by their keys."""
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
    """Where a field is from now on; what is left out stays as it is."""

    field: strawberry.ID
    page: int | None = None
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    required: bool | None = None

    def change(self) -> FieldChange:
        """The change in the model's words."""
        return FieldChange(page=self.page, x=self.x, y=self.y, width=self.width, height=self.height, required=self.required)


@strawberry.input
class RemoveFieldInput:
    """Which field is removed."""

    field: strawberry.ID


@strawberry.input
class DeleteSignatureInput:
    """Which stored signature is removed."""

    signature: strawberry.ID


@strawberry.input
class ResolveLeftoverInput:
    """Which leftover is resolved, and how."""

    leftover: strawberry.ID
    action: LeftoverAction
