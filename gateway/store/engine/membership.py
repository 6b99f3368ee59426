"""Membership: whether columns have one of many values, which are bound as one JSON array however many they are.

``IN (?, ?, …)`` binds each by itself: SQLite takes 32,766 parameters in a statement, PostgreSQL 32,767, and every length is
another statement to prepare. It stays where the schema bounds a list to a few.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Dialect, Integer, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from gateway.store.engine.datatype import Words


class _Rows(TypeDecorator[list[Any]]):
    """Rows of texts and integers as JSON, the texts as the columns of the database have them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> str | None:
        """To the database."""
        spelled = dialect.name == "postgresql"
        rows = [[Words.spelled(each) if spelled and type(each) is str else each for each in row] for row in value or ()]
        return json.dumps(rows, ensure_ascii=False)


class _Among(FunctionElement[bool]):
    """The last of its clauses are the rows, the others the columns."""

    type = Boolean()
    inherit_cache = True


def among(values: Iterable[object], *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a column has one of these values, or several columns one of these rows of values."""
    rows = [list(each) if isinstance(each, tuple) else [each] for each in values]
    return _Among(*columns, literal(rows, _Rows()))


@compiles(_Among, "postgresql")
def _in_postgresql(among: _Among, compiler: SQLCompiler, **given: Any) -> str:
    *columns, rows = among.clauses
    picked = (f"(value ->> {place}){_cast(each)}" for place, each in enumerate(columns))
    array = f"jsonb_array_elements(CAST({compiler.process(rows, **given)} AS jsonb))"
    return _in(columns, picked, array, compiler, given)


@compiles(_Among, "sqlite")
def _in_sqlite(among: _Among, compiler: SQLCompiler, **given: Any) -> str:
    *columns, rows = among.clauses
    picked = (f"json_extract(value, '$[{place}]')" for place in range(len(columns)))
    return _in(columns, picked, f"json_each({compiler.process(rows, **given)})", compiler, given)


def _in(
    columns: Sequence[ColumnElement[Any]],
    picked: Iterable[str],
    array: str,
    compiler: SQLCompiler,
    given: Mapping[str, Any],
) -> str:
    named = ", ".join(compiler.process(each, **given) for each in columns)
    return f"(({named}) IN (SELECT {', '.join(picked)} FROM {array}))"  # noqa: S608 - of compiled clauses alone


def _cast(column: ColumnElement[Any]) -> str:
    """JSON gives PostgreSQL texts."""
    return "::integer" if isinstance(column.type, Integer) else ""
