"""GraphQL enums: registers the enums of the model in place, so that each is written once."""

from __future__ import annotations

from enum import EnumMeta

import strawberry

from gateway.signing import LeftoverAction, SyncStrategy
from gateway.store import SessionOrder, WebhookOutcome, WebhookVerification
from gateway.sync.list_freshness import SourceOutcome
from providers import model
from providers.capability import Operation, Support
from providers.http.circuit_breaker import CircuitState
from providers.http.credentials import CredentialState
from providers.http.health import HealthState
from providers.model.change import ChangeType
from providers.verification import VerificationStatus

_DESCRIPTIONS: dict[EnumMeta, dict[str, str]] = {
    model.SessionKind: {
        "SIGNING": "People sign.",
        "SEALING": "A machine seals a batch.",
        "RECORD": "A store keeps signatures made elsewhere.",
    },
    model.SessionStatus: {
        "PROCESSING": "Everyone has signed; the provider is still producing the result.",
        "PARTIALLY_COMPLETED": "Closed, but not every document was signed.",
        "UNKNOWN": "A word that this gateway does not know yet; see providerStatus.",
    },
    LeftoverAction: {
        "RETRY": "Tries once more to remove what is left.",
        "DISMISS": "Takes it off the list as it is; its idempotency key can be used again.",
    },
    Support: {"NATIVE": "One call at the provider.", "COMPOSED": "Several calls, made to look like one."},
}

_ENUMS: tuple[EnumMeta, ...] = (
    model.SessionKind,
    model.SessionStatus,
    model.SigningOrder,
    model.ReminderFrequency,
    model.DocumentRole,
    model.DocumentStatus,
    model.ParticipantRole,
    model.ParticipantStatus,
    model.DeliveryMethod,
    model.SignatureFormat,
    model.ChangeSource,
    SessionOrder,
    SourceOutcome,
    SyncStrategy,
    Operation,
    Support,
    CredentialState,
    CircuitState,
    HealthState,
    VerificationStatus,
    WebhookVerification,
    WebhookOutcome,
    LeftoverAction,
)

strawberry.enum(ChangeType, name="SessionEventType", description="The kind of change that an event reports.")

for _enum in _ENUMS:
    strawberry.enum(_enum)
    for _value in vars(_enum)["__strawberry_definition__"].values:
        _value.description = _DESCRIPTIONS.get(_enum, {}).get(_value.name)
