"""Signatures with their certificate, time stamp and verification by the gateway."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from providers import model, verification
from providers.verification import VerificationStatus
from schema.context import Info
from schema.relay import Node, child_id
from schema.scalars import Duration
from schema.types.binding import describes, resolved
from schema.types.document import (
    TEN_MINUTES,
    Document,
    Download,
    LinkedFile,
    document_of,
    participant_of,
    provider_of,
    session_of,
)
from schema.types.participant import Participant
from schema.types.provider import Provider

if TYPE_CHECKING:
    from schema.types.session import Session


@strawberry.type
@describes(verification.Certificate)
class Certificate:
    """The certificate of a signer."""

    subject: str
    common_name: str | None
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    sha256: str
    pem: str


@strawberry.type
@describes(verification.Timestamp)
class Timestamp:
    """A time stamp: proof of a third party that the signature existed at a time."""

    at: datetime
    authority: str | None


@strawberry.type
@describes(verification.Verification)
class Verification:
    """The verdict of the gateway's verification."""

    status: VerificationStatus
    reason: str | None
    digest_algorithm: str | None
    trusted: bool
    covers_whole_document: bool | None
    checked_at: datetime | None


def _id(root: strawberry.Parent[model.Signature]) -> strawberry.ID:
    return child_id("Signature", root.session, root.key)


async def _certificate(root: strawberry.Parent[model.Signature], info: Info) -> verification.Certificate | None:
    return (await info.context.signing.signatures.verify(root)).certificate


async def _timestamp(root: strawberry.Parent[model.Signature], info: Info) -> verification.Timestamp | None:
    return (await info.context.signing.signatures.verify(root)).timestamp


async def _verification(root: strawberry.Parent[model.Signature], info: Info) -> verification.Verification:
    return (await info.context.signing.signatures.verify(root)).verification


def _download(
    root: strawberry.Parent[model.Signature], info: Info, expires_in: Duration | None = TEN_MINUTES
) -> LinkedFile | None:
    link = info.context.signing.documents.link(
        "signature", root.session, root.key, TEN_MINUTES if expires_in is None else expires_in
    )
    return LinkedFile(link, None, None)


@strawberry.type
@describes(model.Signature)
class Signature(Node):
    """A signature that a provider made, or keeps."""

    id: strawberry.ID = resolved(_id, pure=True)
    key: str
    provider: Provider = resolved(provider_of)
    session: Annotated[Session, strawberry.lazy("schema.types.session")] | None = resolved(session_of)
    document: Document | None = resolved(document_of)
    participant: Participant | None = resolved(participant_of)
    format: model.SignatureFormat
    version: int | None
    comment: str | None
    tags: list[str]
    created_by: str | None
    created_at: datetime | None
    updated_at: datetime | None
    signed_at: datetime | None
    certificate: Certificate | None = resolved(_certificate, "The signer's certificate, read from the signature itself.")
    timestamp: Timestamp | None = resolved(_timestamp)
    verification: Verification = resolved(_verification, "Checked by the gateway, not taken from the provider.")
    download: Download | None = resolved(_download)
