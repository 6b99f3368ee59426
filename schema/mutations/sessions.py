"""Mutations of sessions, files, signatures, authorizations, leftovers and webhooks; and the mutation type."""

from __future__ import annotations

import strawberry
from strawberry.file_uploads import Upload

from gateway import text_rules
from schema.context import Info
from schema.inputs import changes
from schema.inputs.creation import CreateSessionInput, SaveSignatureInput, stage
from schema.inputs.text_rules import require_text, text_problems
from schema.mutations import editing
from schema.mutations.payloads import (
    AuthorizationPayload,
    DeletePayload,
    DocumentPayload,
    FieldPayload,
    LeftoverPayload,
    MutationResult,
    ParticipantPayload,
    ProviderPayload,
    SessionPayload,
    SignaturePayload,
    UploadPayload,
    WebhookDeliveryPayload,
    expected_failures_as_problems,
    mutation_of_valid_texts,
)
from schema.relay import child_id, child_ref, node_id, parse, session_ref
from schema.types.binding import resolved

_SESSION = ("input", "session")


@expected_failures_as_problems
async def _create_session(info: Info, input: CreateSessionInput) -> MutationResult:
    # Invalid texts are reported together with all other problems of the order.
    signing = info.context.signing
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    return MutationResult(
        session=await signing.commands.create_session(await input.draft(signing), idempotency_key, text_problems(input))
    )


@mutation_of_valid_texts
async def _update_session(info: Info, input: changes.UpdateSessionInput) -> MutationResult:
    ref = session_ref(input.session, _SESSION)
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    return MutationResult(session=await info.context.signing.commands.update_session(ref, input.change(), idempotency_key))


@mutation_of_valid_texts
async def _start_session(info: Info, input: changes.SessionActionInput) -> MutationResult:
    ref = session_ref(input.session, _SESSION)
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    return MutationResult(session=await info.context.signing.commands.start_session(ref, idempotency_key))


@mutation_of_valid_texts
async def _cancel_session(info: Info, input: changes.CancelSessionInput) -> MutationResult:
    ref = session_ref(input.session, _SESSION)
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    return MutationResult(session=await info.context.signing.commands.cancel_session(ref, input.reason, idempotency_key))


@mutation_of_valid_texts
async def _delete_session(info: Info, input: changes.SessionActionInput) -> MutationResult:
    ref = session_ref(input.session, _SESSION)
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    gone = await info.context.signing.commands.delete_session(ref, idempotency_key)
    return MutationResult(deleted_ids=[node_id("Session", gone.provider, gone.key)])


@mutation_of_valid_texts
async def _duplicate_session(info: Info, input: changes.DuplicateSessionInput) -> MutationResult:
    ref = session_ref(input.session, _SESSION)
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    return MutationResult(session=await info.context.signing.commands.duplicate_session(ref, input.title, idempotency_key))


@mutation_of_valid_texts
async def _recreate_session(info: Info, input: changes.RecreateSessionInput) -> MutationResult:
    ref = session_ref(input.session, _SESSION)
    signing = info.context.signing
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    return MutationResult(session=await signing.commands.recreate_session(ref, input.title, input.reason, idempotency_key))


@expected_failures_as_problems
async def _upload_file(info: Info, file: Upload) -> MutationResult:
    return MutationResult(upload=await stage(info.context.signing, file))


@mutation_of_valid_texts
async def _save_signature(info: Info, input: SaveSignatureInput) -> MutationResult:
    signing = info.context.signing
    idempotency_key = info.context.idempotency_key(input.idempotency_key)
    return MutationResult(signature=await signing.commands.save_signature(input.provider, input.order(), idempotency_key))


@mutation_of_valid_texts
async def _delete_signature(info: Info, input: changes.DeleteSignatureInput) -> MutationResult:
    ref, key = child_ref(input.signature, "Signature", ("input", "signature"))
    await info.context.signing.commands.delete_signature(ref, key)
    return MutationResult(deleted_ids=[child_id("Signature", ref, key)])


@expected_failures_as_problems
async def _begin_authorization(info: Info, provider: str) -> MutationResult:
    return MutationResult(authorization=await info.context.signing.oauth.begin_authorization(provider))


@expected_failures_as_problems
async def _complete_authorization(info: Info, provider: str, code: str, state: str) -> MutationResult:
    for name, text in (("provider", provider), ("code", code), ("state", state)):
        require_text(text_rules.name, text, (name,))
    return MutationResult(provider=await info.context.signing.oauth.complete_authorization(provider, code, state))


@expected_failures_as_problems
async def _resolve_leftover(info: Info, input: changes.ResolveLeftoverInput) -> MutationResult:
    path = ("input", "leftover")
    (key,) = parse(input.leftover, "Leftover", path)
    return MutationResult(leftover=await info.context.signing.leftovers.resolve_leftover(key, input.action, path))


@expected_failures_as_problems
async def _replay_webhook(info: Info, id: strawberry.ID) -> MutationResult:
    (key,) = parse(id, "WebhookDelivery")
    return MutationResult(delivery=await info.context.signing.deliveries.replay_delivery(key))


@strawberry.type
class Mutation:
    """Writes at providers and at the gateway. Expected failures are problems of the payload."""

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
