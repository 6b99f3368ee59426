"""Everything that can be done. Expected failures come back as problems beside the result."""

from __future__ import annotations

import strawberry
from strawberry.file_uploads import Upload

from gateway import text_rules
from schema.context import Info
from schema.inputs import changes
from schema.inputs.creation import CreateSessionInput, SaveSignatureInput, stage
from schema.inputs.text_rules import problems, require_text
from schema.mutations import editing
from schema.mutations.payloads import (
    AuthorizationPayload,
    DeletePayload,
    DocumentPayload,
    FieldPayload,
    LeftoverPayload,
    Outcome,
    ParticipantPayload,
    ProviderPayload,
    SessionPayload,
    SignaturePayload,
    UploadPayload,
    WebhookDeliveryPayload,
    outcome,
)
from schema.relay import child_id, child_ref, node_id, parse, session_ref
from schema.types.describes import resolved

_SESSION = ("input", "session")


async def _create_session(info: Info, input: CreateSessionInput) -> Outcome:
    signing = info.context.signing

    async def create() -> Outcome:
        return Outcome(
            session=await signing.create_session(
                await input.draft(signing), info.context.once(input.idempotency_key), problems(input)
            )
        )

    return await outcome(create)  # what is wrong with its texts is told with all else


async def _update_session(info: Info, input: changes.UpdateSessionInput) -> Outcome:
    async def update() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        return Outcome(
            session=await info.context.signing.update_session(ref, input.change(), info.context.once(input.idempotency_key))
        )

    return await outcome(update, input)


async def _start_session(info: Info, input: changes.SessionActionInput) -> Outcome:
    async def start() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        return Outcome(session=await info.context.signing.start_session(ref, info.context.once(input.idempotency_key)))

    return await outcome(start, input)


async def _cancel_session(info: Info, input: changes.CancelSessionInput) -> Outcome:
    async def cancel() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        return Outcome(
            session=await info.context.signing.cancel_session(ref, input.reason, info.context.once(input.idempotency_key))
        )

    return await outcome(cancel, input)


async def _delete_session(info: Info, input: changes.SessionActionInput) -> Outcome:
    async def delete() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        gone = await info.context.signing.delete_session(ref, info.context.once(input.idempotency_key))
        return Outcome(deleted_ids=[node_id("Session", gone.provider, gone.key)])

    return await outcome(delete, input)


async def _duplicate_session(info: Info, input: changes.DuplicateSessionInput) -> Outcome:
    async def duplicate() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        return Outcome(
            session=await info.context.signing.duplicate_session(ref, input.title, info.context.once(input.idempotency_key))
        )

    return await outcome(duplicate, input)


async def _recreate_session(info: Info, input: changes.RecreateSessionInput) -> Outcome:
    async def recreate() -> Outcome:
        ref = session_ref(input.session, _SESSION)
        signing = info.context.signing
        return Outcome(
            session=await signing.recreate_session(ref, input.title, input.reason, info.context.once(input.idempotency_key))
        )

    return await outcome(recreate, input)


async def _upload_file(info: Info, file: Upload) -> Outcome:
    async def upload() -> Outcome:
        return Outcome(upload=await stage(info.context.signing, file))

    return await outcome(upload)


async def _save_signature(info: Info, input: SaveSignatureInput) -> Outcome:
    async def save() -> Outcome:
        signing = info.context.signing
        return Outcome(
            signature=await signing.save_signature(input.provider, input.order(), info.context.once(input.idempotency_key))
        )

    return await outcome(save, input)


async def _delete_signature(info: Info, input: changes.DeleteSignatureInput) -> Outcome:
    async def delete() -> Outcome:
        ref, key = child_ref(input.signature, "Signature", ("input", "signature"))
        await info.context.signing.delete_signature(ref, key)
        return Outcome(deleted_ids=[child_id("Signature", ref, key)])

    return await outcome(delete, input)


async def _begin_authorization(info: Info, provider: str) -> Outcome:
    async def begin() -> Outcome:
        return Outcome(authorization=await info.context.signing.begin_authorization(provider))

    return await outcome(begin)


async def _complete_authorization(info: Info, provider: str, code: str, state: str) -> Outcome:
    async def complete() -> Outcome:
        for name, text in (("provider", provider), ("code", code), ("state", state)):
            require_text(text_rules.name, text, (name,))
        return Outcome(provider=await info.context.signing.complete_authorization(provider, code, state))

    return await outcome(complete)


async def _resolve_leftover(info: Info, input: changes.ResolveLeftoverInput) -> Outcome:
    async def resolve() -> Outcome:
        path = ("input", "leftover")
        (key,) = parse(input.leftover, "Leftover", path)
        return Outcome(leftover=await info.context.signing.resolve_leftover(key, input.action, path))

    return await outcome(resolve)


async def _replay_webhook(info: Info, id: strawberry.ID) -> Outcome:
    async def replay() -> Outcome:
        (key,) = parse(id, "WebhookDelivery")
        return Outcome(delivery=await info.context.signing.replay_delivery(key))

    return await outcome(replay)


@strawberry.type
class Mutation:
    """Everything that can be done."""

    create_session: SessionPayload = resolved(_create_session)
    update_session: SessionPayload = resolved(_update_session)
    start_session: SessionPayload = resolved(
        _start_session, "Makes a draft ready and invites the participants, or starts the sealing of a batch."
    )
    cancel_session: SessionPayload = resolved(_cancel_session)
    delete_session: DeletePayload = resolved(_delete_session)
    duplicate_session: SessionPayload = resolved(
        _duplicate_session, "A new draft with the same documents, participants and fields; the original stays."
    )
    recreate_session: SessionPayload = resolved(_recreate_session, "A new draft, and the original canceled, in one step.")
    set_signing_order: SessionPayload = resolved(editing.set_signing_order)

    upload_file: UploadPayload = resolved(
        _upload_file, "Stages a file at the gateway, to be named by a later mutation. The other way in is PUT /uploads."
    )
    add_document: DocumentPayload = resolved(editing.add_document)
    update_document: DocumentPayload = resolved(editing.update_document)
    remove_document: DeletePayload = resolved(editing.remove_document)

    add_participant: ParticipantPayload = resolved(editing.add_participant)
    add_self_as_participant: ParticipantPayload = resolved(
        editing.add_self, "Adds the user that the provider's token belongs to."
    )
    update_participant: ParticipantPayload = resolved(editing.update_participant)
    remove_participant: DeletePayload = resolved(editing.remove_participant)

    add_field: FieldPayload = resolved(editing.add_field)
    update_field: FieldPayload = resolved(editing.update_field)
    remove_field: DeletePayload = resolved(
        editing.remove_field, "Removes the field and every field that depends on it; deletedIds names them all."
    )

    save_signature: SignaturePayload = resolved(
        _save_signature, "Stores a signature, or its next version, in a provider that keeps signatures."
    )
    delete_signature: DeletePayload = resolved(_delete_signature)

    begin_authorization: AuthorizationPayload = resolved(
        _begin_authorization,
        "Where a person has to go to let the gateway act for them at this provider (OAuth code with PKCE).",
    )
    complete_authorization: ProviderPayload = resolved(_complete_authorization)

    resolve_leftover: LeftoverPayload = resolved(
        _resolve_leftover,
        "Tries once more to remove what is left, or takes it off the list. Needs the scope providers:admin.",
    )
    replay_webhook: WebhookDeliveryPayload = resolved(
        _replay_webhook,
        "Processes a stored delivery again: it is PENDING in the answer, and processed right after."
        " One that was not verified is not.",
    )
