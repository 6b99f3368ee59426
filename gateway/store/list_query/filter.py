"""What a list of sessions is asked for, and the conditions in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from sqlalchemy import BigInteger, ColumnElement, FromClause, String, literal, literal_column, select, tuple_, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from gateway.store import tables
from gateway.store.engine.datatype import Folded, Instant
from gateway.store.engine.folding import folded
from gateway.store.list_query.due_sort_key import NEVER
from gateway.store.session_state.body import UnreadableBody
from providers.model import Session, SessionKind, SessionStatus

_DELETED: Final = literal_column("'DELETED'", String)
"""Written out, as an index of those that are not deleted is only taken where it is plain that no others are asked for."""


class SessionOrder(StrEnum):
    """In which order sessions are listed."""

    CREATED_AT_DESC = "CREATED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    DUE_AT_ASC = "DUE_AT_ASC"

    @property
    def descending(self) -> bool:
        """Whether the newest comes first."""
        return self is SessionOrder.CREATED_AT_DESC


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions are meant; what is None does not matter. Deleted ones are not, unless ``statuses`` names them.

    Bounds of time are inclusive on both sides.
    """

    providers: Sequence[str] | None = None
    kinds: Sequence[SessionKind] | None = None
    statuses: Sequence[SessionStatus] | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    due_from: datetime | None = None
    due_to: datetime | None = None
    title_contains: str | None = None
    reference: str | None = None
    participant_email: str | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    exclude_statuses: Sequence[SessionStatus] | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a session stands in an order: what is sorted by, then provider and key, which make it unique."""

    at: datetime
    provider: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """How much of a list: at most ``limit`` sessions behind ``after``, or before ``before`` where ``backwards``."""

    limit: int
    after: Position | None = None
    before: Position | None = None
    backwards: bool = False

    @property
    def with_lookahead(self) -> PageRequest:
        """The same and one more, which shows whether there is any."""
        return PageRequest(limit=self.limit + 1, after=self.after, before=self.before, backwards=self.backwards)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session and where it stands; ``fault`` is why only what is left of it could be read."""

    session: Session
    position: Position
    fault: UnreadableBody | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """What conditions are about."""

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
        """Those of the table of sessions, perhaps by another name."""
        return cls(**{each.name: sessions.c[each.name] for each in fields(cls)})

    def at(self, order: SessionOrder) -> ColumnElement[datetime]:
        """What an order sorts by."""
        return self.due_at if order is SessionOrder.DUE_AT_ASC else self.created_at

    def unindexed(self, *names: str) -> Self:
        """The same values, but of these columns (or of all) not for an index: what SQLite takes instead is known better."""
        return replace(
            self, **{name: _unindexed(getattr(self, name)) for name in names or [each.name for each in fields(self)]}
        )


class _Place(FunctionElement[int]):
    """Where in a text a part begins, from 1; 0 where it is not in it."""

    type = BigInteger()
    inherit_cache = True


@compiles(_Place)
def _strpos(place: _Place, compiler: SQLCompiler, **given: Any) -> str:
    return f"strpos({compiler.process(place.clauses, **given)})"


@compiles(_Place, "sqlite")
def _instr(place: _Place, compiler: SQLCompiler, **given: Any) -> str:
    return f"instr({compiler.process(place.clauses, **given)})"


def matching(wanted: SessionFilter) -> list[ColumnElement[bool]]:
    """The conditions of a filter on the table of sessions."""
    of = Columns.of(tables.session)
    return [*chosen(wanted, of), *ranges(wanted, of), *words(wanted, of), *addressed(wanted, of)]


def chosen(wanted: SessionFilter, of: Columns) -> Iterator[ColumnElement[bool]]:
    """Whose, of which kind and in which status sessions are."""
    yield from chosen_of(wanted, of.provider, of.kind, of.status)


def chosen_of(
    wanted: SessionFilter, provider: ColumnElement[str], kind: ColumnElement[str], status: ColumnElement[str]
) -> Iterator[ColumnElement[bool]]:
    """The same of any columns."""
    for column, values in ((provider, wanted.providers), (kind, wanted.kinds), (status, wanted.statuses)):
        if values is not None:
            yield column.in_([str(value) for value in values])
    if wanted.exclude_statuses:
        yield status.not_in([str(value) for value in wanted.exclude_statuses])
    if wanted.statuses is None:
        yield status != _DELETED


def ranges(wanted: SessionFilter, of: Columns) -> Iterator[ColumnElement[bool]]:
    """Between which instants a session is."""
    yield from created(wanted, of.created_at)
    yield from due(wanted, of.due_at)
    yield from updated(wanted, of.changed_at)


def created(wanted: SessionFilter, at: ColumnElement[datetime]) -> Iterator[ColumnElement[bool]]:
    """When it was made."""
    if wanted.created_from is not None:
        yield at >= wanted.created_from
    if wanted.created_to is not None:
        yield at <= wanted.created_to


def due(wanted: SessionFilter, at: ColumnElement[datetime]) -> Iterator[ColumnElement[bool]]:
    """When it is due."""
    if wanted.due_from is not None:
        yield at >= wanted.due_from
    if wanted.due_to is not None:
        yield at <= wanted.due_to
    if wanted.due_to is not None or wanted.due_from is not None:
        yield at < NEVER


def updated(wanted: SessionFilter, at: ColumnElement[datetime]) -> Iterator[ColumnElement[bool]]:
    """When it last changed."""
    if wanted.updated_from is not None:
        yield at >= wanted.updated_from
    if wanted.updated_to is not None:
        yield at <= wanted.updated_to


def words(wanted: SessionFilter, of: Columns) -> Iterator[ColumnElement[bool]]:
    """What is written on it."""
    if wanted.title_contains:
        yield contains(of.title_folded, folded(wanted.title_contains))
    if wanted.reference is not None:
        yield of.reference == wanted.reference


def contains(text: ColumnElement[str], part: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a folded text has a part, whatever is in either: LIKE has wildcards."""
    return _Place(text, literal(part, Folded()) if isinstance(part, str) else part) > 0


def addressed(wanted: SessionFilter, of: Columns) -> Iterator[ColumnElement[bool]]:
    """Who takes part."""
    if wanted.participant_email is not None:
        box = tables.mailbox.c
        mine = select(box.provider, box.session_key).where(box.email == wanted.participant_email.lower())
        yield tuple_(of.provider, of.key).in_(mine)


def _unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, Instant):
        return type_coerce(type_coerce(column, BigInteger) + 0, Instant())
    return column.concat("")
