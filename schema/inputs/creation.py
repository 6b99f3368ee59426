"""Inputs that create: sessions with their documents, participants and fields, and signatures; and their drafts and orders."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import strawberry
from strawberry.file_uploads import Upload

from gateway.signing import Signing
from gateway.signing.orders.draft import DocumentDraft, FieldDraft, SessionDraft
from gateway.store import StagedFile
from providers import model
from providers.errors import Invalid, SigningError
from providers.orders import ParticipantOrder, SignatureOrder
from schema.relay import child_ref
from schema.scalars import Duration, Json
from schema.transport.multipart import FilePart


async def stage(signing: Signing, file: Upload) -> StagedFile:
    """Stages a file of a multipart request. Raises ``Invalid`` for any other value, as in a request of plain JSON."""
    part = cast(object, file)
    if not isinstance(part, FilePart):
        raise Invalid("Send the file itself, in a multipart request.", path=("file",))
    return await signing.documents.upload(part.chunks(), filename=part.filename, media_type=part.content_type)


@strawberry.input(description="Exactly one of upload, file and document.")
class DocumentInput:
    """A document to be signed."""

    upload: strawberry.ID | None = None
    file: Upload | None = None
    document: strawberry.ID | None = None
    title: str | None = None
    filename: str | None = None
    description: str | None = None
    role: model.DocumentRole | None = model.DocumentRole.TO_SIGN

    async def draft(self, signing: Signing, path: tuple[str, ...]) -> DocumentDraft:
        """The draft of the document; its file is staged. Raises ``Invalid``."""
        if sum(source is not None for source in (self.upload, self.file, self.document)) != 1:
            raise Invalid("Name the document by exactly one of upload, file and document.", path=path)
        upload, sha256 = self.upload, None
        if self.file is not None:
            try:
                staged = await stage(signing, self.file)
                upload, sha256 = strawberry.ID(staged.id), staged.sha256
            except SigningError as error:
                error.path = (*path, "file")
                raise
        return DocumentDraft(
            upload=upload,
            sha256=sha256,
            document=None if self.document is None else child_ref(self.document, "Document", (*path, "document")),
            title=self.title,
            filename=self.filename,
            description=self.description,
            role=self.role or model.DocumentRole.TO_SIGN,
        )


@strawberry.input
class ParticipantInput:
    """A participant to be added."""

    ref: str | None = strawberry.field(default=None, description="Names this participant for fields in the same input.")
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    delivery_methods: list[model.DeliveryMethod] | None = None
    options: Json | None = None

    def order(self, path: tuple[str, ...]) -> ParticipantOrder:
        """The order of the participant. Raises ``Invalid``."""
        return ParticipantOrder(
            first_name=self.first_name,
            middle_name=self.middle_name,
            last_name=self.last_name,
            email=self.email,
            phone=self.phone,
            language=self.language,
            delivery_methods=tuple(dict.fromkeys(self.delivery_methods or ())),
            options=_object(self.options, (*path, "options")),
        )


@strawberry.input
class FieldInput:
    """Place of a signature on a page, in PDF points (1/72 inch) from the lower left corner."""

    document_index: int
    participant_ref: str | None = None
    type: str | None = "Signature"
    page: int
    x: float
    y: float
    width: float
    height: float
    required: bool | None = True

    def draft(self) -> FieldDraft:
        """The draft of the field."""
        return FieldDraft(
            document=self.document_index,
            participant=self.participant_ref,
            type=self.type or "Signature",
            page=self.page,
            x=self.x,
            y=self.y,
            width=self.width,
            height=self.height,
            required=self.required is not False,
        )


@strawberry.input
class ArchiveInput:
    """Archiving of the result by the provider."""

    retention_period: Duration


@strawberry.input
class CreateSessionInput:
    """A session to be created."""

    provider: str
    title: str
    documents: list[DocumentInput] | None = None
    participants: list[ParticipantInput] | None = None
    signing_order: model.SigningOrder | None = model.SigningOrder.PARALLEL
    fields: list[FieldInput] | None = None
    due_at: datetime | None = None
    reference: str | None = None
    message: str | None = strawberry.field(default=None, description="Shown to the signer before signing.")
    reminder_frequency: model.ReminderFrequency | None = None
    archive: ArchiveInput | None = None
    start: bool | None = strawberry.field(default=True, description="Invite the participants, or start the sealing, at once.")
    options: Json | None = strawberry.field(
        default=None, description="Options of this provider alone; see Provider.optionsSchema."
    )

    idempotency_key: str | None = strawberry.field(
        default=None, description="The same key and input give the same session, however often it is sent."
    )

    async def draft(self, signing: Signing) -> SessionDraft:
        """The draft of the session; its files are staged. Raises ``Invalid``."""
        participants = self.participants or []
        documents = [
            await each.draft(signing, ("input", "documents", str(place))) for place, each in enumerate(self.documents or [])
        ]
        return SessionDraft(
            provider=self.provider,
            title=self.title,
            documents=tuple(documents),
            participants=tuple(each.order(("input", "participants", str(place))) for place, each in enumerate(participants)),
            refs=tuple(each.ref for each in participants),
            fields=tuple(each.draft() for each in self.fields or []),
            signing_order=self.signing_order or model.SigningOrder.PARALLEL,
            due_at=self.due_at,
            reference=self.reference,
            message=self.message,
            reminder_frequency=self.reminder_frequency,
            archive_for=self.archive.retention_period.text if self.archive else None,
            start=self.start is not False,
            options=_object(self.options, ("input", "options")),
        )


@strawberry.input
class SaveSignatureInput:
    """A signature for a provider that keeps signatures."""

    provider: str
    document: str
    thread: str
    version: int | None = strawberry.field(
        default=None, description="The version that this one replaces; leave it out for the first."
    )
    content: str = strawberry.field(description="CMS in base64, or signed XML.")
    comment: str | None = None
    created_by: str | None = None
    tags: list[str] | None = strawberry.field(default=None, description="Left out: the tags stay as they are.")
    idempotency_key: str | None = None

    def order(self) -> SignatureOrder:
        """The order of the signature."""
        return SignatureOrder(
            document=self.document,
            thread=self.thread,
            content=self.content,
            version=self.version,
            comment=self.comment,
            created_by=self.created_by,
            tags=None if self.tags is None else tuple(self.tags),
        )


def _object(value: Any, path: tuple[str, ...]) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid("Options are an object.", path=path)
    return value
