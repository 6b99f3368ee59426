"""The mutations of what is inside a session: documents, participants, fields and their order."""

from __future__ import annotations

from providers.errors import Invalid
from schema.context import Info
from schema.inputs import changes
from schema.mutations.payloads import Outcome, outcome
from schema.relay import child_id, child_ref, session_ref

_SESSION = ("input", "session")
_DOCUMENT = ("input", "document")
_PARTICIPANT = ("input", "participant")
_FIELD = ("input", "field")


async def set_signing_order(info: Info, input: changes.SetSigningOrderInput) -> Outcome:
    """Says who signs after whom."""

    async def set_order() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        keys = []
        for place, each in enumerate(input.participants or []):
            path = ("input", "participants", str(place))
            session, key = child_ref(each, "Participant", path)
            if session != ref:
                raise Invalid("This participant belongs to another session.", path=path)
            keys.append(key)
        return Outcome(
            session=await info.context.signing.set_signing_order(
                ref, input.order, keys, info.context.once(input.idempotency_key)
            )
        )

    return await outcome(set_order, input)


async def add_document(info: Info, input: changes.AddDocumentInput) -> Outcome:
    """Adds a document."""
    signing = info.context.signing

    async def add() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        draft = await input.document.draft(signing, _DOCUMENT)
        session, document = await signing.add_document(ref, draft, info.context.once(input.idempotency_key))
        return Outcome(session=session, document=document)

    return await outcome(add, input)


async def update_document(info: Info, input: changes.UpdateDocumentInput) -> Outcome:
    """Changes what a document is called."""

    async def update() -> Outcome:
        ref, key = child_ref(input.document, "Document", _DOCUMENT)
        session, document = await info.context.signing.update_document(ref, key, input.change())
        return Outcome(session=session, document=document)

    return await outcome(update, input)


async def remove_document(info: Info, input: changes.RemoveDocumentInput) -> Outcome:
    """Takes a document out, and the fields on it."""

    async def remove() -> Outcome:
        ref, key = child_ref(input.document, "Document", _DOCUMENT)
        fields = await info.context.signing.remove_document(ref, key)
        gone = [child_id("SignatureField", ref, field) for field in fields]
        return Outcome(deleted_ids=[child_id("Document", ref, key), *gone])

    return await outcome(remove, input)


async def add_participant(info: Info, input: changes.AddParticipantInput) -> Outcome:
    """Adds a person."""

    async def add() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        order = input.participant.order(_PARTICIPANT)
        session, participant = await info.context.signing.add_participant(ref, order, info.context.once(input.idempotency_key))
        return Outcome(session=session, participant=participant)

    return await outcome(add, input)


async def add_self(info: Info, input: changes.SessionActionInput) -> Outcome:
    """Adds the person that the provider's token belongs to."""

    async def add() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        session, participant = await info.context.signing.add_self(ref, info.context.once(input.idempotency_key))
        return Outcome(session=session, participant=participant)

    return await outcome(add, input)


async def update_participant(info: Info, input: changes.UpdateParticipantInput) -> Outcome:
    """Changes who a person is, or how they are invited."""

    async def update() -> Outcome:
        ref, key = child_ref(input.participant, "Participant", _PARTICIPANT)
        session, participant = await info.context.signing.update_participant(ref, key, input.change())
        return Outcome(session=session, participant=participant)

    return await outcome(update, input)


async def remove_participant(info: Info, input: changes.RemoveParticipantInput) -> Outcome:
    """Takes a person out, and their fields."""

    async def remove() -> Outcome:
        ref, key = child_ref(input.participant, "Participant", _PARTICIPANT)
        fields = await info.context.signing.remove_participant(ref, key)
        gone = [child_id("SignatureField", ref, field) for field in fields]
        return Outcome(deleted_ids=[child_id("Participant", ref, key), *gone])

    return await outcome(remove, input)


async def add_field(info: Info, input: changes.AddFieldInput) -> Outcome:
    """Places a field."""

    async def add() -> Outcome:
        ref, document = child_ref(input.document, "Document", _DOCUMENT)
        participant = None
        if input.participant is not None:
            session, participant = child_ref(input.participant, "Participant", _PARTICIPANT)
            if session != ref:
                raise Invalid("This participant belongs to another session.", path=_PARTICIPANT)
        placement = input.placement(document, participant)
        now, field = await info.context.signing.add_field(ref, placement)
        return Outcome(session=now, field=field)

    return await outcome(add, input)


async def update_field(info: Info, input: changes.UpdateFieldInput) -> Outcome:
    """Moves a field."""

    async def update() -> Outcome:
        ref, key = child_ref(input.field, "SignatureField", _FIELD)
        session, field = await info.context.signing.update_field(ref, key, input.change())
        return Outcome(session=session, field=field)

    return await outcome(update, input)


async def remove_field(info: Info, input: changes.RemoveFieldInput) -> Outcome:
    """Removes a field and those that depend on it."""

    async def remove() -> Outcome:
        ref, key = child_ref(input.field, "SignatureField", _FIELD)
        gone = await info.context.signing.remove_field(ref, key)
        return Outcome(deleted_ids=[child_id("SignatureField", ref, each) for each in gone])

    return await outcome(remove, input)
