"""A file of a session, and the fields placed on it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from providers import model
from schema.context import Info
from schema.relay import child_id
from schema.scalars import Duration
from schema.types.belonging import field_document_of, participant_of, provider_of, session_of
from schema.types.describes import describes, resolved
from schema.types.download import TEN_MINUTES, Download, Linked
from schema.types.node import Node
from schema.types.provider import Provider

if TYPE_CHECKING:
    from schema.types.participant import Participant
    from schema.types.session import Session
    from schema.types.signature import Signature


def _id(root: strawberry.Parent[model.Document]) -> strawberry.ID:
    return child_id("Document", root.session, root.key)


async def _signatures(root: strawberry.Parent[model.Document], info: Info) -> list[model.Signature]:
    session = await info.context.signing.session(root.session)
    return [signature for signature in session.signatures if signature.document == root.key]


def _download(root: strawberry.Parent[model.Document], info: Info, expires_in: Duration | None = TEN_MINUTES) -> Linked | None:
    # Made first: a time that it cannot last is wrong whether or not there are bytes yet.
    link = info.context.signing.link("document", root.session, root.key, TEN_MINUTES if expires_in is None else expires_in)
    return Linked(link, root.filename or root.title, root.media_type) if info.context.signing.has_bytes(root) else None


@strawberry.type
@describes(model.Document)
class Document(Node):
    """A file of a session."""

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
    """Where a participant signs: PDF points from the lower left corner of a page."""

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
