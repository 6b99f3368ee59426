"""What is left of sessions whose stored bodies cannot be read: what other columns say of them, until they are read again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from enum import StrEnum
from typing import Final, TypeVar

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.list_query.due_sort_key import NEVER
from providers.model import Session, SessionKind, SessionRef, SessionStatus

E = TypeVar("E", bound=StrEnum)
_S = tables.session.c
_P = tables.part.c
_COLUMNS: Final = (_S.provider, _S.key, _S.kind, _S.status, _S.title, _S.reference, _S.created_at, _S.due_at)


async def load_remains(connection: AsyncConnection, refs: Collection[SessionRef]) -> dict[SessionRef, Session]:
    """These sessions as far as their columns tell: partial, and never seen, so that whoever shows them reads them anew.

    The parts that a session is composed of are among it, by which its provider finds all of it.
    """
    named = select(_P.provider, _P.session_key, _P.key).where(tuple_(_P.provider, _P.session_key).in_(refs)).order_by(_P.key)
    parts: dict[SessionRef, list[str]] = defaultdict(list)
    for provider, session_key, key in await connection.execute(named):
        if key != session_key:
            parts[SessionRef(provider, session_key)].append(key)
    rows = await connection.execute(select(*_COLUMNS).where(tuple_(_S.provider, _S.key).in_(refs)))
    return {
        (ref := SessionRef(row.provider, row.key)): Session(
            provider=row.provider,
            key=row.key,
            kind=parse_enum(SessionKind, row.kind, SessionKind.SIGNING),
            status=parse_enum(SessionStatus, row.status, SessionStatus.UNKNOWN),
            title=row.title,
            reference=row.reference,
            created_at=row.created_at,
            due_at=row.due_at if row.due_at < NEVER else None,
            parts=tuple(parts[ref]),
            partial=True,
            stale=True,
        )
        for row in rows
    }


def parse_enum(words: type[E], word: str, otherwise: E) -> E:
    """A word that is stored; one that only a newer build knows is something else to this one."""
    try:
        return words(word)
    except ValueError:
        return otherwise
