"""Store: repositories over SQLite or PostgreSQL, one module for each aggregate."""

from gateway.store.database import Store
from gateway.store.event_cursor import EventCursor, parse_event_cursor, parse_event_id
from gateway.store.event_log import ALL_EVENTS, Event, EventFilter
from gateway.store.idempotency import IdempotencyRecord
from gateway.store.list_query.filter import SessionFilter, SessionOrder
from gateway.store.list_query.keyset import PageRequest, Position
from gateway.store.sagas import Saga, SagaCommit, Sagas, SagaState
from gateway.store.session_state.list_checkpoints import ListCheckpoint
from gateway.store.session_state.session_write import SessionWrite
from gateway.store.session_state.sessions import SessionRow, Sessions, StoredListRow, StoredSession
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
