"""Unreadable bodies: sessions whose stored body cannot be decoded are rebuilt from their other columns, and marked stale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final, TypeAlias

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.engine.datatype import parse_enum
from gateway.store.list_query.due_sort_key import NEVER
from gateway.store.session_state.body import UnreadableBody, decode_session
from providers.model import Session, SessionKind, SessionRef, SessionStatus

_S = tables.session.c
_R = tables.list_row.c
_COLUMNS: Final = (_S.provider, _S.key, _S.kind, _S.status, _S.title, _S.reference, _S.created_at, _S.due_at)
Decoded: TypeAlias = tuple[Session, UnreadableBody | None]


async def decode_sessions(connection: AsyncConnection, bodies: Sequence[tuple[SessionRef, bytes]]) -> Sequence[Decoded | None]:
    """Decodes stored bodies, each by itself and in their order: an unreadable one costs no other; None where it is gone."""
    faults: dict[SessionRef, UnreadableBody] = {}
    decoded: list[Decoded | None] = []
    for ref, body in bodies:
        try:
            decoded.append((decode_session(body), None))
        except UnreadableBody as fault:
            faults[ref] = fault
            decoded.append(None)
    if faults:
        rebuilt = await _rebuild(connection, faults.keys())
        decoded = [
            (rebuilt[ref], faults[ref]) if each is None and ref in rebuilt else each
            for (ref, _), each in zip(bodies, decoded, strict=True)
        ]
    return decoded


async def _rebuild(connection: AsyncConnection, refs: Collection[SessionRef]) -> dict[SessionRef, Session]:
    """Sessions made of their columns: partial and stale, so that they are read again before they are shown.

    The parts of a composed session are included, by which its provider finds it.
    """
    query = select(_R.provider, _R.session_key, _R.key).where(tuple_(_R.provider, _R.session_key).in_(refs)).order_by(_R.key)
    parts: dict[SessionRef, list[str]] = defaultdict(list)
    for provider, session_key, key in await connection.execute(query):
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
