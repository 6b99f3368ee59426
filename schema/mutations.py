"""Everything that can be done. Expected failures come back as problems beside the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import strawberry
from strawberry.file_uploads import Upload

from gateway.store import StagedFile as ModelStagedFile
from providers import model
from schema.context import Info
from schema.describes import describes, resolved
from schema.inputs import (
    AddDocumentInput,
    CancelSessionInput,
    CreateSessionInput,
    DeleteSignatureInput,
    SaveSignatureInput,
    SessionActionInput,
    stage,
)
from schema.node import child_id, child_ref, node_id, session_ref
from schema.problems import Problem, attempt
from schema.types.document import Document
from schema.types.session import Session
from schema.types.signature import Signature

_SESSION = ("input", "session")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a mutation came to; every payload shows its part of one."""

    problems: list[Problem]
    session: model.Session | None = None
    document: model.Document | None = None
    signature: model.Signature | None = None
    upload: ModelStagedFile | None = None
    deleted_ids: list[strawberry.ID] = field(default_factory=list)


@strawberry.type
@describes(Outcome)
class SessionPayload:
    """A session, or what kept it from being."""

    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class DocumentPayload:
    """A document and its session, or what kept them from being."""

    document: Document | None
    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class SignaturePayload:
    """A signature, or what kept it from being."""

    signature: Signature | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class DeletePayload:
    """What is gone, or what kept it here."""

    deleted_ids: list[strawberry.ID]
    problems: list[Problem]


@strawberry.type
@describes(ModelStagedFile)
class StagedFile:
    """A file that waits to be named by a mutation."""

    id: strawberry.ID
    filename: str | None
    media_type: str
    size_bytes: int
    sha256: str
    expires_at: datetime


@strawberry.type
@describes(Outcome)
class UploadPayload:
    """A staged file, or what kept it from being."""

    upload: StagedFile | None
    problems: list[Problem]


async def _create_session(info: Info, input: CreateSessionInput) -> Outcome:  # noqa: A002
    signing = info.context.signing

    async def create() -> model.Session:
        return await signing.create_session(await input.draft(signing))

    session, problems = await attempt(create())
    return Outcome(session=session, problems=problems)


async def _start_session(info: Info, input: SessionActionInput) -> Outcome:  # noqa: A002
    async def start() -> model.Session:
        return await info.context.signing.start_session(session_ref(input.session, _SESSION))

    session, problems = await attempt(start())
    return Outcome(session=session, problems=problems)


async def _cancel_session(info: Info, input: CancelSessionInput) -> Outcome:  # noqa: A002
    async def cancel() -> model.Session:
        return await info.context.signing.cancel_session(session_ref(input.session, _SESSION), input.reason)

    session, problems = await attempt(cancel())
    return Outcome(session=session, problems=problems)


async def _delete_session(info: Info, input: SessionActionInput) -> Outcome:  # noqa: A002
    async def delete() -> list[strawberry.ID]:
        gone = await info.context.signing.delete_session(session_ref(input.session, _SESSION))
        return [node_id("Session", gone.provider, gone.key)]

    ids, problems = await attempt(delete())
    return Outcome(deleted_ids=ids or [], problems=problems)


async def _upload_file(info: Info, file: Upload) -> Outcome:
    staged, problems = await attempt(stage(info.context.signing, file))
    return Outcome(upload=staged, problems=problems)


async def _add_document(info: Info, input: AddDocumentInput) -> Outcome:  # noqa: A002
    signing = info.context.signing

    async def add() -> tuple[model.Session, model.Document]:
        draft = await input.document.draft(signing, ("input", "document"))
        return await signing.add_document(session_ref(input.session, _SESSION), draft)

    added, problems = await attempt(add())
    session, document = added or (None, None)
    return Outcome(document=document, session=session, problems=problems)


async def _save_signature(info: Info, input: SaveSignatureInput) -> Outcome:  # noqa: A002
    signature, problems = await attempt(info.context.signing.save_signature(input.provider, input.order()))
    return Outcome(signature=signature, problems=problems)


async def _delete_signature(info: Info, input: DeleteSignatureInput) -> Outcome:  # noqa: A002
    async def delete() -> list[strawberry.ID]:
        ref, key = child_ref(input.signature, "Signature", ("input", "signature"))
        await info.context.signing.delete_signature(ref, key)
        return [child_id("Signature", ref, key)]

    ids, problems = await attempt(delete())
    return Outcome(deleted_ids=ids or [], problems=problems)


@strawberry.type
class Mutation:
    """Everything that can be done."""

    create_session: SessionPayload = resolved(_create_session)
    start_session: SessionPayload = resolved(
        _start_session,
        "Makes a draft ready and invites the participants, or starts the sealing of a batch.",
    )
    cancel_session: SessionPayload = resolved(_cancel_session)
    delete_session: DeletePayload = resolved(_delete_session)
    upload_file: UploadPayload = resolved(
        _upload_file,
        "Stages a file at the gateway, to be named by a later mutation. The other way in is PUT /uploads.",
    )
    add_document: DocumentPayload = resolved(_add_document)
    save_signature: SignaturePayload = resolved(
        _save_signature,
        "Stores a signature, or its next version, in a provider that keeps signatures.",
    )
    delete_signature: DeletePayload = resolved(_delete_signature)
