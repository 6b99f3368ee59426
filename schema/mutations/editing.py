"""Mutations of a session's parts: documents, participants, fields and the signing order."""

from __future__ import annotations

from providers.errors import Invalid
from providers.model import SessionRef
from schema.context import Info
from schema.inputs import changes
from schema.mutations.payloads import MutationResult, mutation_of_valid_texts
from schema.relay import child_id, child_ref, session_ref

_SESSION = ("input", "session")
_DOCUMENT = ("input", "document")
_PARTICIPANT = ("input", "participant")
_FIELD = ("input", "field")


@mutation_of_valid_texts
async def set_signing_order(info: Info, input: changes.SetSigningOrderInput) -> MutationResult:
    """Sets the signing order."""
    ref = session_ref(input.session, _SESSION)
    ids = enumerate(input.participants or [])
    keys = [_participant_key(ref, each, ("input", "participants", str(place))) for place, each in ids]
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    return MutationResult(session=await info.context.signing.editing.set_signing_order(ref, input.order, keys, idempotency_key))


@mutation_of_valid_texts
async def add_document(info: Info, input: changes.AddDocumentInput) -> MutationResult:
    """Adds a document."""
    signing = info.context.signing
    ref = session_ref(input.session, _SESSION)
    draft = await input.document.draft(signing, _DOCUMENT)
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    session, document = await signing.editing.add_document(ref, draft, idempotency_key)
    return MutationResult(session=session, document=document)


@mutation_of_valid_texts
async def update_document(info: Info, input: changes.UpdateDocumentInput) -> MutationResult:
    """Changes the names of a document."""
    ref, key = child_ref(input.document, "Document", _DOCUMENT)
    session, document = await info.context.signing.editing.update_document(ref, key, input.change())
    return MutationResult(session=session, document=document)


@mutation_of_valid_texts
async def remove_document(info: Info, input: changes.RemoveDocumentInput) -> MutationResult:
    """Removes a document and the fields on it."""
    ref, key = child_ref(input.document, "Document", _DOCUMENT)
    fields = await info.context.signing.editing.remove_document(ref, key)
    removed = [child_id("SignatureField", ref, field) for field in fields]
    return MutationResult(deleted_ids=[child_id("Document", ref, key), *removed])


@mutation_of_valid_texts
async def add_participant(info: Info, input: changes.AddParticipantInput) -> MutationResult:
    """Adds a participant."""
    ref = session_ref(input.session, _SESSION)
    order = input.participant.order(_PARTICIPANT)
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    session, participant = await info.context.signing.editing.add_participant(ref, order, idempotency_key)
    return MutationResult(session=session, participant=participant)


@mutation_of_valid_texts
async def add_self(info: Info, input: changes.SessionActionInput) -> MutationResult:
    """Adds the user whom the provider's token belongs to."""
    ref = session_ref(input.session, _SESSION)
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    session, participant = await info.context.signing.editing.add_self(ref, idempotency_key)
    return MutationResult(session=session, participant=participant)


@mutation_of_valid_texts
async def update_participant(info: Info, input: changes.UpdateParticipantInput) -> MutationResult:
    """Changes the name, contacts or invitation of a participant."""
    ref, key = child_ref(input.participant, "Participant", _PARTICIPANT)
    session, participant = await info.context.signing.editing.update_participant(ref, key, input.change())
    return MutationResult(session=session, participant=participant)


@mutation_of_valid_texts
async def remove_participant(info: Info, input: changes.RemoveParticipantInput) -> MutationResult:
    """Removes a participant and their fields."""
    ref, key = child_ref(input.participant, "Participant", _PARTICIPANT)
    fields = await info.context.signing.editing.remove_participant(ref, key)
    removed = [child_id("SignatureField", ref, field) for field in fields]
    return MutationResult(deleted_ids=[child_id("Participant", ref, key), *removed])


@mutation_of_valid_texts
async def add_field(info: Info, input: changes.AddFieldInput) -> MutationResult:
    """Adds a field to a document."""
    ref, document = child_ref(input.document, "Document", _DOCUMENT)
    participant = None if input.participant is None else _participant_key(ref, input.participant, _PARTICIPANT)
    placement = input.placement(document, participant)
    session, field = await info.context.signing.editing.add_field(ref, placement)
    return MutationResult(session=session, field=field)


@mutation_of_valid_texts
async def update_field(info: Info, input: changes.UpdateFieldInput) -> MutationResult:
    """Changes the place of a field."""
    ref, key = child_ref(input.field, "SignatureField", _FIELD)
    session, field = await info.context.signing.editing.update_field(ref, key, input.change())
    return MutationResult(session=session, field=field)


@mutation_of_valid_texts
async def remove_field(info: Info, input: changes.RemoveFieldInput) -> MutationResult:
    """Removes a field and those that depend on it."""
    ref, key = child_ref(input.field, "SignatureField", _FIELD)
    removed = await info.context.signing.editing.remove_field(ref, key)
    return MutationResult(deleted_ids=[child_id("SignatureField", ref, each) for each in removed])


def _participant_key(ref: SessionRef, participant: str, path: tuple[str, ...]) -> str:
    session, key = child_ref(participant, "Participant", path)
    if session != ref:
        raise Invalid("This participant belongs to another session.", path=path)
    return key
