"""Insert or replace, in either database."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def upsert(
    connection: AsyncConnection, into: Table, values: Mapping[str, Any], keep: AbstractSet[str] = frozenset()
) -> None:
    """Inserts a row, or replaces its columns but for ``keep``."""
    insert_into = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert_into(into).values(**values)
    keys = [column.name for column in into.primary_key]
    changed = {name: statement.excluded[name] for name in values if name not in keys and name not in keep}
    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))
