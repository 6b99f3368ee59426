"""Tables of the database. Migrations create them, and a test holds the two equal."""

from gateway.store.tables.event_log import delivery, event, log
from gateway.store.tables.metadata import MIGRATION_ONLY, compatibility, metadata
from gateway.store.tables.resources import metric, secret, upload
from gateway.store.tables.sagas import gateway, lease, promise, saga, step
from gateway.store.tables.sessions import mailbox, part, session, signature, sync, tag

__all__ = [
    "MIGRATION_ONLY",
    "compatibility",
    "delivery",
    "event",
    "gateway",
    "lease",
    "log",
    "mailbox",
    "metadata",
    "metric",
    "part",
    "promise",
    "saga",
    "secret",
    "session",
    "signature",
    "step",
    "sync",
    "tag",
    "upload",
]
