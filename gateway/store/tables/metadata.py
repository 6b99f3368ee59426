"""Schema metadata: the registry of all tables, and the row by which a build knows whether it can use the schema."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table

metadata = MetaData()

MIGRATION_ONLY: Final = frozenset(
    {"session_by_term", "session_by_trigram", "session_by_trigram_created", "session_by_trigram_due", "title"}
    | {f"title_by_{order}{part}" for order in ("created", "due") for part in ("", "_config", "_data", "_docsize", "_idx")}
)
"""Tables and indexes that only migrations create: indexes of expressions, and those that only one of the databases has."""

compatibility = Table(
    "compatibility",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("oldest", String(32), nullable=False),
)
"""One row: the oldest revision whose builds can use this database. A migration that contracts the schema raises it."""
