"""What the gateway remembers: the last state of every session, what providers sent, staged uploads, how fresh each list is."""

from gateway.store.cursor import EventCursor, parse_event_cursor, parse_event_id
from gateway.store.database import Store
from gateway.store.event_log import ALL_EVENTS, Event, EventFilter
from gateway.store.idempotency import IdempotencyRecord
from gateway.store.list_query.filter import PageRequest, Position, SessionFilter, SessionOrder, SessionRow
from gateway.store.saga_commit import SagaCommit
from gateway.store.sagas import Saga, Sagas, SagaState
from gateway.store.session_state.list_checkpoints import ListCheckpoint
from gateway.store.session_state.sessions import Sessions, SessionWrite, StoredListRow, StoredSession
from gateway.store.session_state.signatures import SignatureFilter, SignaturePosition
from gateway.store.uploads import StagedFile, StagedFiles
from gateway.store.webhook_inbox import Claim, WebhookDelivery, WebhookDeliveryFilter, WebhookOutcome, WebhookVerification

__all__ = [
    "ALL_EVENTS",
    "Claim",
    "Event",
    "EventCursor",
    "EventFilter",
    "IdempotencyRecord",
    "ListCheckpoint",
    "PageRequest",
    "Position",
    "Saga",
    "SagaCommit",
    "SagaState",
    "Sagas",
    "SessionFilter",
    "SessionOrder",
    "SessionRow",
    "SessionWrite",
    "Sessions",
    "SignatureFilter",
    "SignaturePosition",
    "StagedFile",
    "StagedFiles",
    "Store",
    "StoredListRow",
    "StoredSession",
    "WebhookDelivery",
    "WebhookDeliveryFilter",
    "WebhookOutcome",
    "WebhookVerification",
    "parse_event_cursor",
    "parse_event_id",
]
