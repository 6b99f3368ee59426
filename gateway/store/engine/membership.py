"""Set membership: compares columns with many values, bound as one JSON array whatever their number.

``IN (?, ?, …)`` binds each value by itself: SQLite takes 32,766 parameters in a statement, PostgreSQL 32,767, and every
length is another statement to prepare. It is used where the GraphQL schema bounds a list to a few values.
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

from gateway.store.engine.datatype import AnyText


class _Rows(TypeDecorator[list[Any]]):
    """Rows of texts and integers as JSON, with texts escaped as the columns of the database store them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> str | None:
        """Encodes rows for the database."""
        escaped = dialect.name == "postgresql"
        rows = [[AnyText.escape(each) if escaped and type(each) is str else each for each in row] for row in value or ()]
        return json.dumps(rows, ensure_ascii=False)


class _InRows(FunctionElement[bool]):
    """SQL function whose last clause is the rows; the others are the columns."""

    type = Boolean()
    inherit_cache = True


def in_values(values: Iterable[object], *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Condition that a column has one of these values, or that several columns have one of these rows of values."""
    rows = [list(each) if isinstance(each, tuple) else [each] for each in values]
    return _InRows(*columns, literal(rows, _Rows()))


@compiles(_InRows, "postgresql")
def _in_postgresql(function: _InRows, compiler: SQLCompiler, **options: Any) -> str:
    *columns, rows = function.clauses
    values = (f"(value ->> {place}){_cast(each)}" for place, each in enumerate(columns))
    array = f"jsonb_array_elements(CAST({compiler.process(rows, **options)} AS jsonb))"
    return _in(columns, values, array, compiler, options)


@compiles(_InRows, "sqlite")
def _in_sqlite(function: _InRows, compiler: SQLCompiler, **options: Any) -> str:
    *columns, rows = function.clauses
    values = (f"json_extract(value, '$[{place}]')" for place in range(len(columns)))
    return _in(columns, values, f"json_each({compiler.process(rows, **options)})", compiler, options)


def _in(
    columns: Sequence[ColumnElement[Any]],
    values: Iterable[str],
    array: str,
    compiler: SQLCompiler,
    options: Mapping[str, Any],
) -> str:
    names = ", ".join(compiler.process(each, **options) for each in columns)
    return f"(({names}) IN (SELECT {', '.join(values)} FROM {array}))"  # noqa: S608 - of compiled clauses alone


def _cast(column: ColumnElement[Any]) -> str:
    """PostgreSQL reads every JSON value as text."""
    return "::integer" if isinstance(column.type, Integer) else ""
