"""Page query: chooses the index along which a page of the session list is read.

A page costs the same however many sessions there are: it is read along an index in sort order, by a skip scan, or, where
few sessions match a criterion with an index of its own, by sorting these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, FromClause, Row, Select, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.list_query import skip_scan, trigram_fts5, trigram_gin
from gateway.store.list_query.conditions import (
    SessionColumns,
    created_between,
    due_between,
    participant_conditions,
    prefix_conditions,
    text_conditions,
    time_conditions,
    updated_between,
)
from gateway.store.list_query.due_sort_key import UNBOUNDED, SortKeyBounds, filters_other_key, find_bounds
from gateway.store.list_query.filter import SessionFilter, SessionOrder
from gateway.store.list_query.keyset import Keyset
from gateway.store.list_query.selectivity import SelectivityEstimator
from gateway.store.list_query.statement_cache import QueryShape
from gateway.store.list_query.text_folding import TRIGRAM_LENGTH, fold_case

_S = tables.session.c
_M = tables.mailbox.c
_COLUMNS: Final = SessionColumns.of(tables.session)
_WITHOUT_INDEX: Final = _COLUMNS.without_index()
PageRow: TypeAlias = "Row[bytes, datetime, str, str]"
"""Body, sort key, provider and key of a session."""
_Selective: TypeAlias = tuple[Select[Any] | None, Mapping[str, Any]]
"""A query by a selective criterion, with the values to bind; no query where no criterion is selective."""
_NOT_SELECTIVE: Final[_Selective] = None, {}

_MAX_SORTED: Final = 2_000
"""So many matches are sorted at once; where there are more, a page fills soon when it is read in sort order."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The query for one page of the session list."""

    criteria: SessionFilter
    keyset: Keyset
    dialect: str
    selectivity: SelectivityEstimator
    bounds: SortKeyBounds = UNBOUNDED

    async def read(self, connection: AsyncConnection) -> Sequence[PageRow]:
        """Reads the page, nearest row first."""
        find_selective = self._selective_in_sqlite if self.dialect == "sqlite" else self._selective_in_postgresql
        query: Any
        query, values = await find_selective(connection)
        if query is None:
            bounded = filters_other_key(self.criteria, self.keyset.order)
            bounds = await find_bounds(connection, self.criteria, self.keyset.order) if bounded else self.bounds
            query = replace(self, bounds=bounds)._in_sort_order()
        rows: Sequence[PageRow] = (await connection.execute(query, values)).all()
        return rows

    @property
    def _title_part(self) -> str | None:
        """The part of a title that the trigram index finds."""
        part = fold_case(self.criteria.title_contains or "")
        return part if len(part) >= TRIGRAM_LENGTH else None

    @property
    def _by_title_only(self) -> bool:
        """Whether the only criteria are the title and the time that is sorted by."""
        names = ("due_from", "due_to") if self.keyset.order is SessionOrder.DUE_AT_ASC else ("created_from", "created_to")
        return replace(self.criteria, title_contains=None, **dict.fromkeys(names)) == SessionFilter()

    def _in_sort_order(self) -> Select[Any]:
        """Reads along an index that is in sort order."""
        if self.criteria.participant_email is not None:
            return self._along_mailbox(self.criteria.participant_email.lower())
        prefix = (self.criteria.providers, self.criteria.kinds, self.criteria.statuses, self.criteria.exclude_statuses)
        if any(each is not None for each in prefix):
            return self._by_skip_scan()
        columns = _sorted_columns(tables.session, self.dialect, self.keyset.order)
        conditions = (*prefix_conditions(self.criteria, columns), *self._time_conditions(columns))
        return self._page(columns, *conditions, *text_conditions(self.criteria, columns))

    def _along_mailbox(self, email: str) -> Select[Any]:
        session = _WITHOUT_INDEX if self.dialect == "sqlite" else _COLUMNS
        columns = replace(session, provider=_M.provider, key=_M.session_key, created_at=_M.created_at, due_at=_M.due_at)
        conditions = (*prefix_conditions(self.criteria, columns), *self._time_conditions(columns))
        page = self._page(columns, _M.email == email, *conditions, *text_conditions(self.criteria, columns))
        same = (_S.provider == _M.provider) & (_S.key == _M.session_key)
        return page.select_from(tables.mailbox.join(tables.session, same))

    def _by_skip_scan(self) -> Select[Any]:
        columns = _sorted_columns(skip_scan.BRANCH, self.dialect, self.keyset.order)
        conditions = (*self._time_conditions(columns), *text_conditions(self.criteria, columns))
        nearest = skip_scan.select_nearest(self.criteria, self.keyset, self.dialect, columns, conditions)
        return _with_bodies(self.keyset, nearest)

    def _sort_matches(self, selective: ColumnElement[bool]) -> Select[Any]:
        """Sorts all sessions that match, where few meet one condition."""
        columns = _WITHOUT_INDEX if self.dialect == "sqlite" else _COLUMNS
        position = (columns.sort_key(self.keyset.order), columns.provider, columns.key)
        keys = select(_S.provider, _S.key).where(
            selective,
            *prefix_conditions(self.criteria, columns),
            *time_conditions(self.criteria, columns),
            *text_conditions(self.criteria, columns),
            *participant_conditions(self.criteria, columns),
            *self.keyset.conditions(*position),
        )
        return _with_bodies(self.keyset, self.keyset.order_and_limit(keys, *position))

    async def _selective_in_postgresql(self, connection: AsyncConnection) -> _Selective:
        """A search by title, unless many contain the part. PostgreSQL's planner knows other selective criteria by itself."""
        if self._title_part is None:
            return _NOT_SELECTIVE
        selectivity = await self.selectivity.estimate(connection, self._title_part)
        if selectivity.frequent:
            return _NOT_SELECTIVE
        if self._by_title_only:
            shape, values = QueryShape.of(self._title_part, self.criteria, self.keyset)
            return _nearest_in_postgresql(shape), values
        if not selectivity.rare:
            return _NOT_SELECTIVE
        # A generic plan would not know that few titles contain this part.
        await connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        return self._sort_matches(trigram_gin.may_contain(self._title_part)), {}

    async def _selective_in_sqlite(self, connection: AsyncConnection) -> _Selective:
        """A search by the most selective criterion. SQLite has no statistics of values, so that matches are counted."""
        searches = list(self._indexed_searches())
        if not searches:
            return _NOT_SELECTIVE
        counts = (
            select(func.count()).select_from(each.limit(_MAX_SORTED + 1).subquery()).scalar_subquery() for each in searches
        )
        matches = (await connection.execute(select(*counts))).one()
        fewest = min(range(len(searches)), key=lambda place: matches[place])
        if matches[fewest] > _MAX_SORTED:
            return _NOT_SELECTIVE
        return self._sort_matches(tuple_(_S.provider, _S.key).in_(searches[fewest])), {}

    def _indexed_searches(self) -> Iterator[Select[Any]]:
        """Selects provider and key by each criterion that has an index of its own, in no order."""
        keys = select(_S.provider, _S.key)
        if self.criteria.reference is not None:
            yield keys.where(_S.reference == self.criteria.reference)
        if self._title_part is not None and self._by_title_only:
            yield trigram_fts5.select_nearest(self._title_part, self.criteria, self.keyset)
        elif self._title_part is not None:
            yield trigram_fts5.select_matches(self._title_part)
        by_due = self.keyset.order is SessionOrder.DUE_AT_ASC
        other_time = created_between(self.criteria, _S.created_at) if by_due else due_between(self.criteria, _S.due_at)
        if conditions := list(other_time):
            yield keys.where(*conditions)
        if conditions := list(updated_between(self.criteria, _S.changed_at)):
            yield keys.where(*conditions)

    def _time_conditions(self, columns: SessionColumns) -> Iterator[ColumnElement[bool]]:
        yield from time_conditions(self.criteria, columns)
        if self.bounds.begin is not None:
            yield columns.sort_key(self.keyset.order) >= self.bounds.begin
        if self.bounds.end is not None:
            yield columns.sort_key(self.keyset.order) <= self.bounds.end

    def _page(self, columns: SessionColumns, *conditions: ColumnElement[bool]) -> Select[Any]:
        position = (columns.sort_key(self.keyset.order), columns.provider, columns.key)
        query = select(_S.body, *position).where(*conditions, *self.keyset.conditions(*position))
        return self.keyset.order_and_limit(query, *position)


def _with_bodies(keyset: Keyset, keys: Select[Any]) -> Select[Any]:
    """Sessions with these keys: bodies are read only for the page, not for the search."""
    position = (_COLUMNS.sort_key(keyset.order), _S.provider, _S.key)
    page = select(_S.body, *position).where(tuple_(_S.provider, _S.key).in_(keys))
    return keyset.order_and_limit(page, *position)


@lru_cache
def _nearest_in_postgresql(shape: QueryShape) -> Select[Any]:
    return _with_bodies(shape.keyset, trigram_gin.select_nearest(shape))


@cache
def _sorted_columns(sessions: FromClause, dialect: str, order: SessionOrder) -> SessionColumns:
    """Columns of which, in SQLite, only the index in sort order can be used: its planner might take another."""
    columns = SessionColumns.of(sessions)
    other = "created_at" if order is SessionOrder.DUE_AT_ASC else "due_at"
    return columns.without_index("reference", "changed_at", other) if dialect == "sqlite" else columns
