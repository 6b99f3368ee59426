"""What the gateway remembers: the last state of every session, what providers sent, staged uploads, how fresh each list is."""

from gateway.store.cursor import EventCursor, event_of, parse_event_cursor
from gateway.store.database import Store
from gateway.store.events import ALL, Event, EventFilter
from gateway.store.idempotency import Promise
from gateway.store.list_query.filter import Position, Row, SessionFilter, SessionOrder, Slice
from gateway.store.saga_commit import Settlement
from gateway.store.sagas import Saga, Sagas, SagaState
from gateway.store.session_state.list_positions import Sync
from gateway.store.session_state.sessions import ListedRow, Sessions, State, Stored
from gateway.store.session_state.signatures import SignatureFilter, SignaturePosition
from gateway.store.uploads import StagedFile, StagedFiles
from gateway.store.webhook_inbox import Claim, Delivery, DeliveryFilter, WebhookOutcome, WebhookVerification

__all__ = [
    "ALL",
    "Claim",
    "Delivery",
    "DeliveryFilter",
    "Event",
    "EventCursor",
    "EventFilter",
    "ListedRow",
    "Position",
    "Promise",
    "Row",
    "Saga",
    "SagaState",
    "Sagas",
    "SessionFilter",
    "SessionOrder",
    "Sessions",
    "Settlement",
    "SignatureFilter",
    "SignaturePosition",
    "Slice",
    "StagedFile",
    "StagedFiles",
    "State",
    "Store",
    "Stored",
    "Sync",
    "WebhookOutcome",
    "WebhookVerification",
    "event_of",
    "parse_event_cursor",
]
