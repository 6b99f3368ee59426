"""Log tables: the event log of outgoing changes, and the inbox of incoming webhooks."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from gateway.store.engine.datatype import AnyText, Instant
from gateway.store.tables.metadata import metadata

event = Table(
    "event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("provider", String(64), nullable=False),
    Column("session_key", AnyText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", String(24)),
    Column("from_status", String(24)),
    Column("to_status", String(24)),
    Column("participant", AnyText),
    Column("document", AnyText),
    Column("signature", AnyText),
    Column("provider_status", AnyText),
    Column("source", String(16), nullable=False),
    Column("occurred_at", Instant),
    Column("observed_at", Instant, nullable=False),
    Index("event_by_session", "provider", "session_key", "seq"),
    Index("event_by_time", "observed_at"),
)
"""Event log. ``version`` is the version of the session that has the change.

``type`` is null for a change that no type of event describes.
"""

log = Table(
    "log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("head", BigInteger, nullable=False),
    Column("trimmed", BigInteger, nullable=False),
    Column("epoch", String(32)),
    Column("trimmed_mark", BigInteger),
    Column("unmarked", BigInteger),
)
"""One row: the last number given out (the high-water mark), and the last one that retention has trimmed.

A transaction that appends locks it until its end, so that numbers become visible in order. ``epoch`` is a random word
from the creation of the log, ``trimmed_mark`` the mark of the last trimmed event. Cursors without a mark are valid up to
``unmarked``; null where none is.
"""

delivery = Table(
    "delivery",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("event_id", AnyText),
    Column("event_name", AnyText),
    Column("session_key", AnyText),
    Column("body", LargeBinary),
    Column("body_sha256", String(64), nullable=False),
    Column("verification", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("problem", LargeBinary),
    Column("duplicate_of", String(32)),
    Column("same_id", AnyText),
    Column("same_body", String(64)),
    Column("due_at", Instant),
    Index("delivery_by_time", "received_at", "id"),
    Index("delivery_by_due", "due_at"),
    Index("delivery_by_id", "provider", "same_id", unique=True),
    Index("delivery_by_body", "provider", "same_body", unique=True),
)
"""Inbox of webhooks. ``due_at`` is when a delivery is processed (again), null where it never is.

``same_id`` and ``same_body`` are unique and null in duplicates, so that of two gateways only one stores the original.
A rejected delivery has no body.
"""
