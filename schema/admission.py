"""Admission of operations: a viewer without the scope of what is asked is refused before any input is converted.

The scopes are those of the use cases; here is said which use case each field at the root is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.auth.viewer import NOBODY, Viewer
from gateway.signing import policy
from providers.errors import Forbidden
from schema.execution import Plan

USES: Final[Mapping[str, str | None]] = {
    "Query.comparison": "comparison",
    "Query.document": "session",
    "Query.eligibleProviders": "eligible",
    "Query.explainSession": "explain",
    "Query.leftovers": "leftovers",
    # What an id leads to decides, and its use case is asked with nothing but the id.
    "Query.node": None,
    "Query.nodes": None,
    "Query.provider": None,
    "Query.providers": None,
    "Query.session": "session",
    "Query.sessionByKey": "session_by_key",
    "Query.sessionEvents": "event_log",
    "Query.sessions": "sessions",
    "Query.signatures": "signatures",
    "Query.viewer": None,
    "Query.webhookDeliveries": "deliveries",
    "Mutation.addDocument": "add_document",
    "Mutation.addField": "add_field",
    "Mutation.addParticipant": "add_participant",
    "Mutation.addSelfAsParticipant": "add_self",
    "Mutation.beginAuthorization": "begin_authorization",
    "Mutation.cancelSession": "cancel_session",
    "Mutation.completeAuthorization": "complete_authorization",
    "Mutation.createSession": "create_session",
    "Mutation.deleteSession": "delete_session",
    "Mutation.deleteSignature": "delete_signature",
    "Mutation.duplicateSession": "duplicate_session",
    "Mutation.recreateSession": "recreate_session",
    "Mutation.removeDocument": "remove_document",
    "Mutation.removeField": "remove_field",
    "Mutation.removeParticipant": "remove_participant",
    "Mutation.replayWebhook": "replay_delivery",
    "Mutation.resolveLeftover": "resolve_leftover",
    "Mutation.saveSignature": "save_signature",
    "Mutation.setSigningOrder": "set_signing_order",
    "Mutation.startSession": "start_session",
    "Mutation.updateDocument": "update_document",
    "Mutation.updateField": "update_field",
    "Mutation.updateParticipant": "update_participant",
    "Mutation.updateSession": "update_session",
    "Mutation.uploadFile": "upload",
    "Subscription.providerHealth": "provider_health",
    "Subscription.session": "follow",
    "Subscription.sessionEvents": "subscribe",
}
"""The use case of each field at the root; None where none is known by the field alone."""


def refusal(plan: Plan, viewer: Viewer) -> Forbidden | None:
    """Why a viewer may do nothing of an operation; None where they may do some of it, or that is not known beforehand."""
    if viewer is NOBODY or plan.is_conditional:
        return None
    found: Forbidden | None = None
    for field in plan.root_fields:
        use = USES.get(field)
        found = policy.refusal(use, viewer) if use is not None else None
        if found is None:
            return None
    return found
