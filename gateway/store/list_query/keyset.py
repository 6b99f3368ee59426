"""Keyset pagination: between which positions of an order is read, and in which direction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Select, and_, asc, case, desc, literal, not_, tuple_

from gateway.store.engine.datatype import Instant, Words
from gateway.store.list_query.filter import PageRequest, Position, SessionFilter, SessionOrder

Q = TypeVar("Q", bound=Select[Any])


@dataclass(frozen=True, slots=True)
class Keyset:
    """A slice of an order, nearest first: backwards it is read in the opposite of the order."""

    order: SessionOrder
    part: PageRequest

    @property
    def descending(self) -> bool:
        """Whether it is read downwards."""
        return self.order.descending != self.part.backwards

    @property
    def edges(self) -> Iterator[tuple[Position, bool]]:
        """What it lies behind of, and whether that means below."""
        if self.part.after is not None:
            yield self.part.after, self.order.descending
        if self.part.before is not None:
            yield self.part.before, not self.order.descending

    def within(self, wanted: SessionFilter) -> tuple[datetime | None, datetime | None]:
        """Between which instants, both included, all of it stands that is wanted."""
        by_due = self.order is SessionOrder.DUE_AT_ASC
        begins = [wanted.due_from if by_due else wanted.created_from, *(edge.at for edge, below in self.edges if not below)]
        ends = [wanted.due_to if by_due else wanted.created_to, *(edge.at for edge, below in self.edges if below)]
        return max(filter(None, begins), default=None), min(filter(None, ends), default=None)

    def first(self, query: Q, *columns: ColumnElement[Any]) -> Q:
        """So many of a query's rows as are wanted, the nearest by these columns."""
        return query.order_by(*(desc(each) if self.descending else asc(each) for each in columns)).limit(self.part.limit)

    def inside(
        self, at: ColumnElement[datetime], provider: ColumnElement[str], key: ColumnElement[str]
    ) -> Iterator[ColumnElement[bool]]:
        """What is true of all that is in it."""
        here, types = tuple_(at, provider, key), (at.type, provider.type, key.type)
        for edge, below in self.edges:
            there = tuple_(edge.at, edge.provider, edge.key, types=types)
            yield here < there if below else here > there

    def inside_of_one(
        self, at: ColumnElement[datetime], provider: ColumnElement[str], key: ColumnElement[str]
    ) -> Iterator[ColumnElement[bool]]:
        """The same where ``provider`` is one and known, and an index has the instants and keys of each next to each other.

        Among those of the edge's own instant, all of a former provider come before the edge, and all of a later one
        behind it.
        """
        for edge, below in self.edges:
            edge_at = literal(edge.at, Instant())
            from_at = case((provider < edge.provider, edge_at + literal(1, BigInteger())), else_=edge_at)
            from_key = case((provider == edge.provider, literal(edge.key, Words())), else_="")
            here, there = tuple_(at, key), tuple_(from_at, from_key)
            yield here < there if below else here >= there
            if not below:
                yield not_(and_(provider == edge.provider, at == edge_at, key == edge.key))
