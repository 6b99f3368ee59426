"""The mutations of what is inside a session: documents, participants, fields and their order."""

from __future__ import annotations

from providers.errors import Invalid
from schema.context import Info
from schema.inputs import changes
from schema.inputs.text_rules import require
from schema.mutations.payloads import MutationResult, expected_failures_as_problems
from schema.relay import child_id, child_ref, session_ref

_SESSION = ("input", "session")
_DOCUMENT = ("input", "document")
_PARTICIPANT = ("input", "participant")
_FIELD = ("input", "field")


@expected_failures_as_problems
async def set_signing_order(info: Info, input: changes.SetSigningOrderInput) -> MutationResult:
    """Says who signs after whom."""
    require(input)
    ref = session_ref(input.session, _SESSION)
    keys = []
    for place, each in enumerate(input.participants or []):
        path = ("input", "participants", str(place))
        session, key = child_ref(each, "Participant", path)
        if session != ref:
            raise Invalid("This participant belongs to another session.", path=path)
        keys.append(key)
    return MutationResult(
        session=await info.context.signing.editing.set_signing_order(
            ref, input.order, keys, info.context.once(input.idempotency_key)
        )
    )


@expected_failures_as_problems
async def add_document(info: Info, input: changes.AddDocumentInput) -> MutationResult:
    """Adds a document."""
    require(input)
    signing = info.context.signing
    ref = session_ref(input.session, _SESSION)
    draft = await input.document.draft(signing, _DOCUMENT)
    session, document = await signing.editing.add_document(ref, draft, info.context.once(input.idempotency_key))
    return MutationResult(session=session, document=document)


@expected_failures_as_problems
async def update_document(info: Info, input: changes.UpdateDocumentInput) -> MutationResult:
    """Changes what a document is called."""
    require(input)
    ref, key = child_ref(input.document, "Document", _DOCUMENT)
    session, document = await info.context.signing.editing.update_document(ref, key, input.change())
    return MutationResult(session=session, document=document)


@expected_failures_as_problems
async def remove_document(info: Info, input: changes.RemoveDocumentInput) -> MutationResult:
    """Takes a document out, and the fields on it."""
    require(input)
    ref, key = child_ref(input.document, "Document", _DOCUMENT)
    fields = await info.context.signing.editing.remove_document(ref, key)
    gone = [child_id("SignatureField", ref, field) for field in fields]
    return MutationResult(deleted_ids=[child_id("Document", ref, key), *gone])


@expected_failures_as_problems
async def add_participant(info: Info, input: changes.AddParticipantInput) -> MutationResult:
    """Adds a person."""
    require(input)
    ref = session_ref(input.session, _SESSION)
    order = input.participant.order(_PARTICIPANT)
    session, participant = await info.context.signing.editing.add_participant(
        ref, order, info.context.once(input.idempotency_key)
    )
    return MutationResult(session=session, participant=participant)


@expected_failures_as_problems
async def add_self(info: Info, input: changes.SessionActionInput) -> MutationResult:
    """Adds the person that the provider's token belongs to."""
    require(input)
    ref = session_ref(input.session, _SESSION)
    session, participant = await info.context.signing.editing.add_self(ref, info.context.once(input.idempotency_key))
    return MutationResult(session=session, participant=participant)


@expected_failures_as_problems
async def update_participant(info: Info, input: changes.UpdateParticipantInput) -> MutationResult:
    """Changes who a person is, or how they are invited."""
    require(input)
    ref, key = child_ref(input.participant, "Participant", _PARTICIPANT)
    session, participant = await info.context.signing.editing.update_participant(ref, key, input.change())
    return MutationResult(session=session, participant=participant)


@expected_failures_as_problems
async def remove_participant(info: Info, input: changes.RemoveParticipantInput) -> MutationResult:
    """Takes a person out, and their fields."""
    require(input)
    ref, key = child_ref(input.participant, "Participant", _PARTICIPANT)
    fields = await info.context.signing.editing.remove_participant(ref, key)
    gone = [child_id("SignatureField", ref, field) for field in fields]
    return MutationResult(deleted_ids=[child_id("Participant", ref, key), *gone])


@expected_failures_as_problems
async def add_field(info: Info, input: changes.AddFieldInput) -> MutationResult:
    """Places a field."""
    require(input)
    ref, document = child_ref(input.document, "Document", _DOCUMENT)
    participant = None
    if input.participant is not None:
        session, participant = child_ref(input.participant, "Participant", _PARTICIPANT)
        if session != ref:
            raise Invalid("This participant belongs to another session.", path=_PARTICIPANT)
    placement = input.placement(document, participant)
    now, field = await info.context.signing.editing.add_field(ref, placement)
    return MutationResult(session=now, field=field)


@expected_failures_as_problems
async def update_field(info: Info, input: changes.UpdateFieldInput) -> MutationResult:
    """Moves a field."""
    require(input)
    ref, key = child_ref(input.field, "SignatureField", _FIELD)
    session, field = await info.context.signing.editing.update_field(ref, key, input.change())
    return MutationResult(session=session, field=field)


@expected_failures_as_problems
async def remove_field(info: Info, input: changes.RemoveFieldInput) -> MutationResult:
    """Removes a field and those that depend on it."""
    require(input)
    ref, key = child_ref(input.field, "SignatureField", _FIELD)
    gone = await info.context.signing.editing.remove_field(ref, key)
    return MutationResult(deleted_ids=[child_id("SignatureField", ref, each) for each in gone])
