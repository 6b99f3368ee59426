"""Where a part of a session leads: to its session, its provider, and the other parts that it names."""

from __future__ import annotations

import strawberry

from gateway.directory import Connected
from providers import model
from schema.context import Info


def provider_of(root: strawberry.Parent[model.Document | model.Signature], info: Info) -> Connected:
    """The provider that has it."""
    return info.context.signing.directory.get(root.session.provider)


async def session_of(
    root: strawberry.Parent[model.Document | model.Participant | model.Signature], info: Info
) -> model.Session:
    """The session that it belongs to."""
    return await info.context.signing.session(root.session)


async def document_of(root: strawberry.Parent[model.Signature], info: Info) -> model.Document | None:
    """The document that it is on."""
    session = await info.context.signing.session(root.session)
    return None if root.document is None else session.document(root.document)


async def field_document_of(root: strawberry.Parent[model.Field], info: Info) -> model.Document:
    """The document that a field is on; where it was removed since the field was read, that it is gone."""
    session = await info.context.signing.session(root.session)
    return session.document(root.document) or model.Document(
        session=root.session, key=root.document, role=model.DocumentRole.TO_SIGN, status=model.DocumentStatus.DELETED
    )


async def participant_of(root: strawberry.Parent[model.Signature | model.Field], info: Info) -> model.Participant | None:
    """The person whose it is."""
    session = await info.context.signing.session(root.session)
    return None if root.participant is None else session.participant(root.participant)
