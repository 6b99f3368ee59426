"""SQL conditions of a session filter, on columns of which a query may forbid an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import BigInteger, ColumnElement, FromClause, String, literal, literal_column, select, tuple_, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from gateway.store import tables
from gateway.store.engine.datatype import FoldedText, Instant
from gateway.store.list_query.due_sort_key import NEVER
from gateway.store.list_query.filter import SessionFilter, SessionOrder
from gateway.store.list_query.text_folding import fold_case

_DELETED: Final = literal_column("'DELETED'", String)
"""A literal, as a partial index of sessions that are not deleted is only used where the statement itself says so."""


@dataclass(frozen=True, slots=True)
class SessionColumns:
    """Columns that conditions refer to: of the session table, of an alias of it, or of an index."""

    provider: ColumnElement[str]
    key: ColumnElement[str]
    kind: ColumnElement[str]
    status: ColumnElement[str]
    title_folded: ColumnElement[str]
    reference: ColumnElement[str]
    created_at: ColumnElement[datetime]
    due_at: ColumnElement[datetime]
    changed_at: ColumnElement[datetime]

    @classmethod
    def of(cls, sessions: FromClause) -> Self:
        """Columns of the session table or of an alias of it."""
        return cls(**{each.name: sessions.c[each.name] for each in fields(cls)})

    def sort_key(self, order: SessionOrder) -> ColumnElement[datetime]:
        """The column that an order sorts by."""
        return self.due_at if order is SessionOrder.DUE_AT_ASC else self.created_at

    def without_index(self, *names: str) -> Self:
        """Equal values of these columns (or of all) that no index covers, so that SQLite reads along the intended index."""
        return replace(
            self, **{name: _without_index(getattr(self, name)) for name in names or [each.name for each in fields(self)]}
        )


class _Position(FunctionElement[int]):
    """SQL function: the position of a substring in a text, from 1; 0 where it is absent."""

    type = BigInteger()
    inherit_cache = True


@compiles(_Position)
def _strpos(function: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(function.clauses, **options)})"


@compiles(_Position, "sqlite")
def _instr(function: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(function.clauses, **options)})"


def filter_conditions(criteria: SessionFilter) -> list[ColumnElement[bool]]:
    """All conditions of a filter, on the session table."""
    columns = SessionColumns.of(tables.session)
    return [
        *prefix_conditions(criteria, columns),
        *time_conditions(criteria, columns),
        *text_conditions(criteria, columns),
        *participant_conditions(criteria, columns),
    ]


def prefix_conditions(criteria: SessionFilter, columns: SessionColumns) -> Iterator[ColumnElement[bool]]:
    """Conditions on provider, kind and status, which are the prefix of an index."""
    yield from prefix_conditions_on(criteria, columns.provider, columns.kind, columns.status)


def prefix_conditions_on(
    criteria: SessionFilter, provider: ColumnElement[str], kind: ColumnElement[str], status: ColumnElement[str]
) -> Iterator[ColumnElement[bool]]:
    """The same on any three columns."""
    for column, values in ((provider, criteria.providers), (kind, criteria.kinds), (status, criteria.statuses)):
        if values is not None:
            yield column.in_([str(value) for value in values])
    if criteria.exclude_statuses:
        yield status.not_in([str(value) for value in criteria.exclude_statuses])
    if criteria.statuses is None:
        yield status != _DELETED


def time_conditions(criteria: SessionFilter, columns: SessionColumns) -> Iterator[ColumnElement[bool]]:
    """Conditions on when a session was created, is due and last changed."""
    yield from created_between(criteria, columns.created_at)
    yield from due_between(criteria, columns.due_at)
    yield from updated_between(criteria, columns.changed_at)


def created_between(criteria: SessionFilter, at: ColumnElement[datetime]) -> Iterator[ColumnElement[bool]]:
    """Bounds of when a session was created."""
    if criteria.created_from is not None:
        yield at >= criteria.created_from
    if criteria.created_to is not None:
        yield at <= criteria.created_to


def due_between(criteria: SessionFilter, at: ColumnElement[datetime]) -> Iterator[ColumnElement[bool]]:
    """Bounds of when a session is due; one without a due date is in no bounds."""
    if criteria.due_from is not None:
        yield at >= criteria.due_from
    if criteria.due_to is not None:
        yield at <= criteria.due_to
    if criteria.due_to is not None or criteria.due_from is not None:
        yield at < NEVER


def updated_between(criteria: SessionFilter, at: ColumnElement[datetime]) -> Iterator[ColumnElement[bool]]:
    """Bounds of when a session last changed."""
    if criteria.updated_from is not None:
        yield at >= criteria.updated_from
    if criteria.updated_to is not None:
        yield at <= criteria.updated_to


def text_conditions(criteria: SessionFilter, columns: SessionColumns) -> Iterator[ColumnElement[bool]]:
    """Conditions on title and reference."""
    if criteria.title_contains:
        yield contains(columns.title_folded, fold_case(criteria.title_contains))
    if criteria.reference is not None:
        yield columns.reference == criteria.reference


def contains(text: ColumnElement[str], part: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Condition that a folded text contains a part. LIKE would take ``%`` and ``_`` in the part for wildcards."""
    return _Position(text, literal(part, FoldedText()) if isinstance(part, str) else part) > 0


def participant_conditions(criteria: SessionFilter, columns: SessionColumns) -> Iterator[ColumnElement[bool]]:
    """Condition that a participant has an e-mail address."""
    if criteria.participant_email is not None:
        mailbox = tables.mailbox.c
        sessions = select(mailbox.provider, mailbox.session_key).where(mailbox.email == criteria.participant_email.lower())
        yield tuple_(columns.provider, columns.key).in_(sessions)


def _without_index(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, Instant):
        return type_coerce(type_coerce(column, BigInteger) + 0, Instant())
    return column.concat("")
