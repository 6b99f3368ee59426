"""Skip scan: reads an index by provider, kind and status once for each combination, and merges the nearest rows.

A combination is a branch of the index, in which sessions are in sort order. A branch that matches nothing costs one seek.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Select, String, Subquery, column, func, select, text, true, tuple_

from gateway.store import tables
from gateway.store.list_query.conditions import SessionColumns, prefix_conditions_on
from gateway.store.list_query.filter import SessionFilter
from gateway.store.list_query.keyset import Keyset
from providers.model import SessionKind, SessionStatus

BRANCH: Final = tables.session.alias("branch")
_ENTRY: Final = tables.session.alias("entry")
_ENTRY_COLUMNS: Final = SessionColumns.of(_ENTRY)


def _distinct_providers() -> CTE:
    """All providers of sessions, by one seek for each (a loose index scan); the last row is null."""
    provider = tables.session.c.provider
    first = select(func.min(provider).label("value")).cte("provider", recursive=True)
    following = select(func.min(provider)).where(provider > first.c.value).scalar_subquery()
    return first.union_all(select(following).where(first.c.value.is_not(None)))


def _members(enum: type[StrEnum], name: str) -> Subquery:
    return (
        text(" UNION ALL ".join(f"SELECT '{member}' AS value" for member in enum))
        .columns(column("value", String))
        .subquery(name)
    )


_PROVIDER: Final = _distinct_providers()
_KIND: Final = _members(SessionKind, "kind")
_STATUS: Final = _members(SessionStatus, "status")
_BRANCHES: Final = _PROVIDER.join(_KIND, true()).join(_STATUS, true())


def select_nearest(
    criteria: SessionFilter,
    keyset: Keyset,
    dialect: str,
    columns: SessionColumns,
    conditions: Iterable[ColumnElement[bool]],
) -> Select[Any]:
    """Selects provider and key of the page's sessions, from at most a page of each branch.

    ``columns`` are those of ``BRANCH``, and ``conditions`` are the other criteria, on these columns.
    """
    provider, kind, status = _PROVIDER.c.value, _KIND.c.value, _STATUS.c.value
    prefix = prefix_conditions_on(criteria, provider, kind, status)
    at = columns.sort_key(keyset.order)
    same = (columns.provider == provider, columns.kind == kind, columns.status == status)
    selected = (columns.provider, columns.key) if dialect == "sqlite" else (columns.provider, columns.key, at.label("at"))
    branch = select(*selected).where(*same, *keyset.conditions_in_provider(at, provider, columns.key), *conditions)
    branch = keyset.order_and_limit(branch.correlate(_PROVIDER, _KIND, _STATUS), at, columns.key)
    if dialect == "sqlite":
        in_branch = tuple_(_ENTRY.c.provider, _ENTRY.c.key).in_(branch)
        keys = select(_ENTRY.c.provider, _ENTRY.c.key).select_from(_BRANCHES.join(_ENTRY, in_branch)).where(*prefix)
        return keyset.order_and_limit(keys, _ENTRY_COLUMNS.sort_key(keyset.order), _ENTRY.c.provider, _ENTRY.c.key)
    entry = branch.lateral("entry")
    keys = select(entry.c.provider, entry.c.key).select_from(_BRANCHES.join(entry, true())).where(*prefix)
    return keyset.order_and_limit(keys, entry.c.at, entry.c.provider, entry.c.key)
