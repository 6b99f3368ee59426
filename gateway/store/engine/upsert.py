"""Upsert: inserts rows, or updates those whose key exists, on either database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Table, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


async def upsert(
    connection: AsyncConnection, into: Table, values: Mapping[str, Any], keep: AbstractSet[str] = frozenset()
) -> None:
    """Inserts a row, or updates its columns except those in ``keep``."""
    statement = _insert(connection, into).values(**values)
    keys = [column.name for column in into.primary_key]
    changed = {name: statement.excluded[name] for name in values if name not in keys and name not in keep}
    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


async def insert_new(connection: AsyncConnection, into: Table, values: Mapping[str, Any]) -> bool:
    """Inserts a row unless a unique index has it already; returns whether it did."""
    statement = _insert(connection, into).values(**values).on_conflict_do_nothing()
    return (await connection.execute(statement)).rowcount == 1


async def insert_or_lock(connection: AsyncConnection, into: Table, values: Mapping[str, Any], returned: Column[T]) -> T:
    """Inserts a row unless its key exists, and locks it either way; returns the stored value of one column."""
    keys = [column.name for column in into.primary_key]
    statement = _insert(connection, into).values(**values)
    locking = statement.on_conflict_do_update(index_elements=keys, set_={returned.name: returned}).returning(returned)
    value: T = (await connection.execute(locking)).scalar_one()
    return value


async def upsert_where(
    connection: AsyncConnection,
    into: Table,
    rows: Sequence[Mapping[str, Any]],
    condition: ColumnElement[bool],
    key: ColumnElement[str],
) -> Sequence[str]:
    """Inserts rows, or updates those that exist and meet a condition; returns the keys of all rows written."""
    statement = _insert(connection, into).values(list(rows))
    keys = [column.name for column in into.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=changed, where=condition)
    return (await connection.execute(statement.returning(key))).scalars().all()


async def upsert_changed(connection: AsyncConnection, into: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows, or updates those that exist and differ, so that an equal row costs no write."""
    statement = _insert(connection, into).values(list(rows))
    keys = [column.name for column in into.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    differs = or_(*(into.c[name] != new for name, new in changed.items()))
    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed, where=differs))


def _insert(connection: AsyncConnection, into: Table) -> postgresql.Insert | sqlite.Insert:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(into)
