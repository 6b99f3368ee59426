"""Saga tables: writes under way, their idempotency keys, and the gateways that run them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, LargeBinary, String, Table

from gateway.store.engine.datatype import AnyText, Instant
from gateway.store.tables.metadata import metadata

gateway = Table(
    "gateway",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("seen_at", Instant, nullable=False),
)
"""Heartbeats of the gateways that share this database."""

lease = Table(
    "lease",
    metadata,
    Column("name", String(96), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("expires_at", Instant, nullable=False),
)
"""Leases by name. One that is not renewed expires."""

saga = Table(
    "saga",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("marker", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("result", LargeBinary),
    Column("note", AnyText),
    Column("operation", String(32)),
    Column("pivot", LargeBinary),
    Column("reason", AnyText),
    Column("left_at", Instant),
    Index("saga_by_state", "state"),
)
"""Sagas under way, and those with a leftover: ``note`` lists it, a line for each thing."""

step = Table(
    "step",
    metadata,
    Column("saga", String(64), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("key", AnyText, nullable=False),
    ForeignKeyConstraint(["saga"], ["saga.id"], ondelete="CASCADE"),
)
"""Steps of sagas that are not compensated: each is a thing that exists at the provider."""

idempotency_key = Table(
    "promise",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("saga", String(64)),
    Column("before", LargeBinary),
    Column("result", LargeBinary),
    Column("expires_at", Instant, nullable=False),
    Index("promise_by_expiry", "expires_at"),
    Index("promise_by_saga", "saga"),
)
"""Idempotency keys, in the table ``promise``: a digest of the input, and the result; until then, who works on it."""
