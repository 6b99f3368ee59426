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
"""The event log. ``version`` is that of the session's state which it led to.

``type`` is null where a session changed in what no type of event tells of.
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
"""One row: the last number that was given out, and the last that retention has removed.

Whoever appends locks it until their transaction ends, so that numbers become visible in order. ``epoch`` is a random word
that was made with the log, ``trimmed_mark`` the mark of the last event that was removed. Up to ``unmarked``, cursors
without a mark are good; null where none is.
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
"""What providers have sent us. ``due_at`` is when it is (next) processed, null where it never is (again).

``same_id`` and ``same_body`` are null in repetitions, so that two gateways cannot both take one for the first.
A rejected delivery keeps no body.
"""
