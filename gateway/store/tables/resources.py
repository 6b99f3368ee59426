"""Resource tables: staged uploads, encrypted secrets, and metrics."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from gateway.store.engine.datatype import AnyText, Instant
from gateway.store.tables.metadata import metadata

upload = Table(
    "upload",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("filename", String(255)),
    Column("media_type", String(255), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("path", AnyText, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("owner", String(64)),
    Index("upload_by_expiry", "expires_at"),
    Index("upload_by_owner", "owner"),
)
"""Staged uploads, which wait to be named by a mutation. ``owner`` is a digest of the viewer's id."""

secret = Table(
    "secret",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("expires_at", Instant),
)
"""OAuth tokens, and authorizations under way; ``body`` is encrypted."""

metric = Table(
    "metric",
    metadata,
    Column("at", Instant, primary_key=True),
    Column("provider", String(64), primary_key=True),
    Column("span", Integer, primary_key=True, autoincrement=False),
    Column("gateway", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Counts of a provider by each gateway, in the minute or hour (``span``, in seconds) that began ``at``."""
