"""Documents of a session, their signature fields and downloads; and resolvers from a part of a session to its parents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway.directory import ConnectedProvider
from gateway.web.links import Link
from providers import model
from schema.context import Info
from schema.relay import Node, child_id
from schema.scalars import Duration
from schema.types.binding import describes, resolved
from schema.types.provider import Provider

if TYPE_CHECKING:
    from schema.types.participant import Participant
    from schema.types.session import Session
    from schema.types.signature import Signature


TEN_MINUTES = Duration.of(timedelta(minutes=10), "PT10M")


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A download link with the name and media type of its file."""

    link: Link
    filename: str | None
    media_type: str | None


def _url(root: strawberry.Parent[LinkedFile]) -> str:
    return root.link.url


def _expires_at(root: strawberry.Parent[LinkedFile]) -> datetime:
    return root.link.expires_at


@strawberry.type
@describes(LinkedFile)
class Download:
    """A link to a file that needs no other credential, until it expires."""

    url: str = resolved(_url, pure=True)
    expires_at: datetime = resolved(_expires_at, pure=True)
    filename: str | None
    media_type: str | None


def provider_of(root: strawberry.Parent[model.Document | model.Signature], info: Info) -> ConnectedProvider:
    """The provider of a document or signature."""
    return info.context.signing.directory.get(root.session.provider)


async def session_of(
    root: strawberry.Parent[model.Document | model.Participant | model.Signature], info: Info
) -> model.Session:
    """The session of a document, participant or signature."""
    return await info.context.signing.queries.session(root.session)


async def document_of(root: strawberry.Parent[model.Signature], info: Info) -> model.Document | None:
    """The document of a signature."""
    session = await info.context.signing.queries.session(root.session)
    return None if root.document is None else session.document(root.document)


async def field_document_of(root: strawberry.Parent[model.Field], info: Info) -> model.Document:
    """The document of a field; where it has been removed since the field was read, a tombstone with status DELETED."""
    session = await info.context.signing.queries.session(root.session)
    return session.document(root.document) or model.Document(
        session=root.session, key=root.document, role=model.DocumentRole.TO_SIGN, status=model.DocumentStatus.DELETED
    )


async def participant_of(root: strawberry.Parent[model.Signature | model.Field], info: Info) -> model.Participant | None:
    """The participant of a signature or field."""
    session = await info.context.signing.queries.session(root.session)
    return None if root.participant is None else session.participant(root.participant)


def _id(root: strawberry.Parent[model.Document]) -> strawberry.ID:
    return child_id("Document", root.session, root.key)


async def _signatures(root: strawberry.Parent[model.Document], info: Info) -> list[model.Signature]:
    session = await info.context.signing.queries.session(root.session)
    return [signature for signature in session.signatures if signature.document == root.key]


def _download(
    root: strawberry.Parent[model.Document], info: Info, expires_in: Duration | None = TEN_MINUTES
) -> LinkedFile | None:
    # Made first: an expiry beyond the limit is an error whether or not there are bytes yet.
    link = info.context.signing.documents.link(
        "document", root.session, root.key, TEN_MINUTES if expires_in is None else expires_in
    )
    return (
        LinkedFile(link, root.filename or root.title, root.media_type) if info.context.signing.queries.has_bytes(root) else None
    )


@strawberry.type
@describes(model.Document)
class Document(Node):
    """A file of a session: to be signed, signed, an attachment, or evidence."""

    id: strawberry.ID = resolved(_id, pure=True)
    key: str
    provider: Provider = resolved(provider_of)
    session: Annotated[Session, strawberry.lazy("schema.types.session")] | None = resolved(session_of)
    title: str | None
    filename: str | None
    description: str | None
    role: model.DocumentRole
    status: model.DocumentStatus
    provider_status: str | None
    media_type: str | None
    size_bytes: int | None
    sha256: str | None
    created_at: datetime | None
    signatures: list[Annotated[Signature, strawberry.lazy("schema.types.signature")]] = resolved(_signatures)
    download: Download | None = resolved(
        _download,
        "A link to the bytes that needs no other credential and ends soon. Null while the provider has no bytes yet.",
    )


def _field_id(root: strawberry.Parent[model.Field]) -> strawberry.ID:
    return child_id("SignatureField", root.session, root.key)


def _depends_on(root: strawberry.Parent[model.Field]) -> strawberry.ID | None:
    return None if root.depends_on is None else child_id("SignatureField", root.session, root.depends_on)


@strawberry.type
@describes(model.Field)
class SignatureField(Node):
    """A place where a participant signs, in PDF points (1/72 inch) from the lower left corner of a page."""

    id: strawberry.ID = resolved(_field_id, pure=True)
    key: str
    document: Document = resolved(field_document_of)
    participant: Annotated[Participant, strawberry.lazy("schema.types.participant")] | None = resolved(participant_of)
    type: str
    page: int
    x: float
    y: float
    width: float
    height: float
    required: bool
    depends_on: strawberry.ID | None = resolved(_depends_on, pure=True)
