"""Sessions by provider, kind and status: each combination is a branch, which an index has in order."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Select, String, Subquery, column, func, select, text, true, tuple_

from gateway.store import tables
from gateway.store.list_query.filter import Columns, SessionFilter, chosen_of
from gateway.store.list_query.keyset import Keyset
from providers.model import SessionKind, SessionStatus

BRANCH: Final = tables.session.alias("branch")
_ENTRY: Final = tables.session.alias("entry")
_ENTRIES: Final = Columns.of(_ENTRY)


def _providers() -> CTE:
    """All that have sessions, by as many looks at an index; the last is none."""
    provider = tables.session.c.provider
    first = select(func.min(provider).label("value")).cte("provider", recursive=True)
    then = select(func.min(provider)).where(provider > first.c.value).scalar_subquery()
    return first.union_all(select(then).where(first.c.value.is_not(None)))


def _each(words: type[StrEnum], name: str) -> Subquery:
    return (
        text(" UNION ALL ".join(f"SELECT '{word}' AS value" for word in words)).columns(column("value", String)).subquery(name)
    )


_PROVIDER: Final = _providers()
_KIND: Final = _each(SessionKind, "kind")
_STATUS: Final = _each(SessionStatus, "status")
_BRANCHES: Final = _PROVIDER.join(_KIND, true()).join(_STATUS, true())


def nearest(
    wanted: SessionFilter, keyset: Keyset, dialect: str, of: Columns, conditions: Iterable[ColumnElement[bool]]
) -> Select[Any]:
    """The provider and key of the nearest sessions of all branches that are wanted.

    ``of`` are the columns of ``BRANCH``, and ``conditions`` what else is to be true of them. Each branch gives as many
    as are wanted altogether.
    """
    provider, kind, status = _PROVIDER.c.value, _KIND.c.value, _STATUS.c.value
    chosen = chosen_of(wanted, provider, kind, status)
    at = of.at(keyset.order)
    same = (of.provider == provider, of.kind == kind, of.status == status)
    columns = (of.provider, of.key) if dialect == "sqlite" else (of.provider, of.key, at.label("at"))
    one = select(*columns).where(*same, *keyset.inside_of_one(at, provider, of.key), *conditions)
    one = keyset.first(one.correlate(_PROVIDER, _KIND, _STATUS), at, of.key)
    if dialect == "sqlite":
        there = tuple_(_ENTRY.c.provider, _ENTRY.c.key).in_(one)
        found = select(_ENTRY.c.provider, _ENTRY.c.key).select_from(_BRANCHES.join(_ENTRY, there))
        return keyset.first(found.where(*chosen), _ENTRIES.at(keyset.order), _ENTRY.c.provider, _ENTRY.c.key)
    entry = one.lateral("entry")
    found = select(entry.c.provider, entry.c.key).select_from(_BRANCHES.join(entry, true()))
    return keyset.first(found.where(*chosen), entry.c.at, entry.c.provider, entry.c.key)
