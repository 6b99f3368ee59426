"""Keyset pagination: positions in a sort order, and the conditions that select the rows between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Select, and_, asc, case, desc, literal, not_, tuple_

from gateway.store.engine.datatype import AnyText, Instant
from gateway.store.list_query.filter import SessionFilter, SessionOrder

Q = TypeVar("Q", bound=Select[Any])


@dataclass(frozen=True, slots=True)
class Position:
    """Position of a session in a sort order: the sort key, then provider and key as tiebreakers."""

    at: datetime
    provider: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """At most ``limit`` sessions behind ``after`` and before ``before``: the last ones where ``backwards``, else the first."""

    limit: int
    after: Position | None = None
    before: Position | None = None
    backwards: bool = False

    @property
    def with_lookahead(self) -> PageRequest:
        """The same with one more row, which shows whether there is a next page."""
        return PageRequest(limit=self.limit + 1, after=self.after, before=self.before, backwards=self.backwards)


@dataclass(frozen=True, slots=True)
class Keyset:
    """A page of a sort order, read from the nearest row on: backwards, rows come in the reverse of the order."""

    order: SessionOrder
    page: PageRequest

    @property
    def descending(self) -> bool:
        """Whether rows are read in descending order."""
        return self.order.descending != self.page.backwards

    @property
    def edges(self) -> Iterator[tuple[Position, bool]]:
        """The positions that bound the page, each with whether its rows have lower sort keys than it."""
        if self.page.after is not None:
            yield self.page.after, self.order.descending
        if self.page.before is not None:
            yield self.page.before, not self.order.descending

    def time_bounds(self, criteria: SessionFilter) -> tuple[datetime | None, datetime | None]:
        """Inclusive bounds of the sort keys on the page: the tighter of the filter's and the edges'."""
        by_due = self.order is SessionOrder.DUE_AT_ASC
        lower = [criteria.due_from if by_due else criteria.created_from, *(edge.at for edge, below in self.edges if not below)]
        upper = [criteria.due_to if by_due else criteria.created_to, *(edge.at for edge, below in self.edges if below)]
        return max(filter(None, lower), default=None), min(filter(None, upper), default=None)

    def order_and_limit(self, query: Q, *columns: ColumnElement[Any]) -> Q:
        """Sorts a query by these columns, and limits it to the page."""
        return query.order_by(*(desc(each) if self.descending else asc(each) for each in columns)).limit(self.page.limit)

    def conditions(
        self, at: ColumnElement[datetime], provider: ColumnElement[str], key: ColumnElement[str]
    ) -> Iterator[ColumnElement[bool]]:
        """Conditions that a row is between the edges."""
        row, types = tuple_(at, provider, key), (at.type, provider.type, key.type)
        for edge, below in self.edges:
            position = tuple_(edge.at, edge.provider, edge.key, types=types)
            yield row < position if below else row > position

    def conditions_in_provider(
        self, at: ColumnElement[datetime], provider: ColumnElement[str], key: ColumnElement[str]
    ) -> Iterator[ColumnElement[bool]]:
        """The same for rows of one provider, as comparisons of (at, key), which an index by provider can seek.

        Of the rows with the edge's own sort key, all of a provider that sorts before the edge's come before the edge, and
        all of one that sorts behind it come behind.
        """
        for edge, below in self.edges:
            edge_at = literal(edge.at, Instant())
            from_at = case((provider < edge.provider, edge_at + literal(1, BigInteger())), else_=edge_at)
            from_key = case((provider == edge.provider, literal(edge.key, AnyText())), else_="")
            row, position = tuple_(at, key), tuple_(from_at, from_key)
            yield row < position if below else row >= position
            if not below:
                yield not_(and_(provider == edge.provider, at == edge_at, key == edge.key))
