"""A page of the list of sessions: which index it is read along, so that it costs the same however many sessions there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, FromClause, Row, Select, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.engine.folding import folded
from gateway.store.list_query import skip_scan, trigram_fts5, trigram_gin
from gateway.store.list_query.due_bounds import EVERYWHERE, Reach, crosses, reach
from gateway.store.list_query.filter import (
    Columns,
    SessionFilter,
    SessionOrder,
    addressed,
    chosen,
    created,
    due,
    ranges,
    updated,
    words,
)
from gateway.store.list_query.keyset import Keyset
from gateway.store.list_query.selectivity import Frequencies
from gateway.store.list_query.statement_cache import Form
from gateway.store.list_query.trigram import GROUP

_S = tables.session.c
_B = tables.mailbox.c
_SESSION: Final = Columns.of(tables.session)
_UNINDEXED: Final = _SESSION.unindexed()
Found: TypeAlias = "Row[bytes, datetime, str, str]"
_Few: TypeAlias = tuple[Select[Any] | None, Mapping[str, Any]]
"""How what there are few of is read, and what its blanks are filled in with; nothing where there are many."""
_MANY: Final[_Few] = None, {}

_FEW: Final = 2_000
"""So many sessions are put in order at once; of more, enough stand close to each other in any order."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """How a page of those that are wanted is read from a database."""

    wanted: SessionFilter
    keyset: Keyset
    dialect: str
    frequencies: Frequencies
    reach: Reach = EVERYWHERE

    async def read(self, connection: AsyncConnection) -> Sequence[Found]:
        """The body, the instant that was sorted by, the provider and the key of each session, nearest first."""
        few = self._few_in_sqlite if self.dialect == "sqlite" else self._few_in_postgresql
        query: Any
        query, values = await few(connection)
        if query is None:
            crossed = crosses(self.wanted, self.keyset.order)
            within = await reach(connection, self.wanted, self.keyset.order) if crossed else self.reach
            query = replace(self, reach=within)._ordered()
        found: Sequence[Found] = (await connection.execute(query, values)).all()
        return found

    @property
    def _part(self) -> str | None:
        """The part of a title that is looked for by its groups of characters, where it has any."""
        part = folded(self.wanted.title_contains or "")
        return part if len(part) >= GROUP else None

    @property
    def _alone(self) -> bool:
        """Whether nothing matters but a title and the instant that is sorted by."""
        names = ("due_from", "due_to") if self.keyset.order is SessionOrder.DUE_AT_ASC else ("created_from", "created_to")
        return replace(self.wanted, title_contains=None, **dict.fromkeys(names)) == SessionFilter()

    def _ordered(self) -> Select[Any]:
        """Along an index that has them in order."""
        if self.wanted.participant_email is not None:
            return self._of_mailbox(self.wanted.participant_email.lower())
        by_branch = (self.wanted.providers, self.wanted.kinds, self.wanted.statuses, self.wanted.exclude_statuses)
        if any(each is not None for each in by_branch):
            return self._of_branches()
        of = _columns(tables.session, self.dialect, self.keyset.order)
        return self._page(of, *chosen(self.wanted, of), *self._ranges(of), *words(self.wanted, of))

    def _of_mailbox(self, email: str) -> Select[Any]:
        session = _UNINDEXED if self.dialect == "sqlite" else _SESSION
        of = replace(session, provider=_B.provider, key=_B.session_key, created_at=_B.created_at, due_at=_B.due_at)
        those = (*chosen(self.wanted, of), *self._ranges(of), *words(self.wanted, of))
        same = (_S.provider == _B.provider) & (_S.key == _B.session_key)
        return self._page(of, _B.email == email, *those).select_from(tables.mailbox.join(tables.session, same))

    def _of_branches(self) -> Select[Any]:
        of = _columns(skip_scan.BRANCH, self.dialect, self.keyset.order)
        those = (*self._ranges(of), *words(self.wanted, of))
        return _of_keys(self.keyset, skip_scan.nearest(self.wanted, self.keyset, self.dialect, of, those))

    def _sorted(self, few: ColumnElement[bool]) -> Select[Any]:
        """All that fulfil a condition which only few do, put in order."""
        of = _UNINDEXED if self.dialect == "sqlite" else _SESSION
        those = (*chosen(self.wanted, of), *ranges(self.wanted, of), *words(self.wanted, of), *addressed(self.wanted, of))
        place = (of.at(self.keyset.order), of.provider, of.key)
        keys = select(_S.provider, _S.key).where(few, *those, *self.keyset.inside(*place))
        return _of_keys(self.keyset, self.keyset.first(keys, *place))

    async def _few_in_postgresql(self, connection: AsyncConnection) -> _Few:
        """By titles, unless many have this part. What else there are few of, PostgreSQL knows by itself."""
        if self._part is None:
            return _MANY
        found = await self.frequencies.of(connection, self._part)
        if found.frequent:
            return _MANY
        if self._alone:
            form, values = Form.of(self._part, self.wanted, self.keyset)
            return _nearest_in_postgresql(form), values
        if not found.rare:
            return _MANY
        # A plan for any part would not know that few have this one.
        await connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        return self._sorted(trigram_gin.grouped(self._part)), {}

    async def _few_in_sqlite(self, connection: AsyncConnection) -> _Few:
        """By the narrowest condition, if only few fulfil it. SQLite does not know how many do, before it looks."""
        narrow = list(self._narrow())
        if not narrow:
            return _MANY
        counts = (select(func.count()).select_from(each.limit(_FEW + 1).subquery()).scalar_subquery() for each in narrow)
        found = (await connection.execute(select(*counts))).one()
        fewest = min(range(len(narrow)), key=lambda place: found[place])
        if found[fewest] > _FEW:
            return _MANY
        return self._sorted(tuple_(_S.provider, _S.key).in_(narrow[fewest])), {}

    def _narrow(self) -> Iterator[Select[Any]]:
        """Provider and key of those that fulfil a condition, for each that has an index of its own, in no order."""
        listed = select(_S.provider, _S.key)
        if self.wanted.reference is not None:
            yield listed.where(_S.reference == self.wanted.reference)
        if self._part is not None:
            yield trigram_fts5.nearest(self._part, self.wanted, self.keyset) if self._alone else trigram_fts5.listed(self._part)
        by_due = self.keyset.order is SessionOrder.DUE_AT_ASC
        across = created(self.wanted, _S.created_at) if by_due else due(self.wanted, _S.due_at)
        if within := list(across):
            yield listed.where(*within)
        if lately := list(updated(self.wanted, _S.changed_at)):
            yield listed.where(*lately)

    def _ranges(self, of: Columns) -> Iterator[ColumnElement[bool]]:
        yield from ranges(self.wanted, of)
        if self.reach.begin is not None:
            yield of.at(self.keyset.order) >= self.reach.begin
        if self.reach.end is not None:
            yield of.at(self.keyset.order) <= self.reach.end

    def _page(self, of: Columns, *conditions: ColumnElement[bool]) -> Select[Any]:
        place = (of.at(self.keyset.order), of.provider, of.key)
        query = select(_S.body, *place).where(*conditions, *self.keyset.inside(*place))
        return self.keyset.first(query, *place)


def _of_keys(keyset: Keyset, keys: Select[Any]) -> Select[Any]:
    """The sessions of these providers and keys, whose bodies were not read to find them."""
    place = (_SESSION.at(keyset.order), _S.provider, _S.key)
    return keyset.first(select(_S.body, *place).where(tuple_(_S.provider, _S.key).in_(keys)), *place)


@lru_cache
def _nearest_in_postgresql(form: Form) -> Select[Any]:
    return _of_keys(form.keyset, trigram_gin.nearest(form))


@cache
def _columns(sessions: FromClause, dialect: str, order: SessionOrder) -> Columns:
    """Those whose index is read along; SQLite might take another."""
    of = Columns.of(sessions)
    other = "created_at" if order is SessionOrder.DUE_AT_ASC else "due_at"
    return of.unindexed("reference", "changed_at", other) if dialect == "sqlite" else of
