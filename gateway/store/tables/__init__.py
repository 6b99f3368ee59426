"""Tables of the database. Migrations create them, and a test holds the two equal."""

from gateway.store.tables.event_log import delivery, event, log
from gateway.store.tables.metadata import MIGRATION_ONLY, compatibility, metadata
from gateway.store.tables.resources import metric, secret, upload
from gateway.store.tables.sagas import gateway, idempotency_key, lease, saga, step
from gateway.store.tables.sessions import list_checkpoint, list_row, mailbox, session, signature, tag

__all__ = [
    "MIGRATION_ONLY",
    "compatibility",
    "delivery",
    "event",
    "gateway",
    "idempotency_key",
    "lease",
    "list_checkpoint",
    "list_row",
    "log",
    "mailbox",
    "metadata",
    "metric",
    "saga",
    "secret",
    "session",
    "signature",
    "step",
    "tag",
    "upload",
]
