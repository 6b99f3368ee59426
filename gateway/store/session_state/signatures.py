"""Signature index: pages of signatures across all sessions, newest first, by keyset pagination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Join, and_, asc, delete, desc, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store import tables
from providers.model import Session, SessionRef, Signature

_S = tables.session.c
_G = tables.signature.c
_LONGEST_TAG: Final = 500
_INDEXED: Final = 2_500
"""Bytes of variable length that fit into an index row of PostgreSQL."""
_MOST_TAGS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFilter:
    """Criteria of signatures, joined by AND; ``tags`` matches any of them. Document and thread are those of a record."""

    providers: Sequence[str] | None = None
    document: str | None = None
    thread: str | None = None
    tags: Sequence[str] | None = None
    signed_from: datetime | None = None
    signed_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignaturePosition:
    """Position of a signature in the list: its time, then its session and key as tiebreakers."""

    at: datetime
    provider: str
    session_key: str
    key: str

    @property
    def session(self) -> SessionRef:
        """The session that the signature belongs to."""
        return SessionRef(self.provider, self.session_key)


class Signatures:
    """Repository of signature positions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self,
        criteria: SignatureFilter,
        limit: int,
        after: SignaturePosition | None,
        before: SignaturePosition | None,
        *,
        backwards: bool,
    ) -> list[SignaturePosition]:
        """A page of signatures, newest first; ``backwards``, the last ones in front of ``before``."""
        columns = (_G.at, _G.provider, _G.session_key, _G.key)
        query = select(*columns).select_from(_with_sessions()).where(*_conditions(criteria))
        if after is not None:
            query = query.where(_beyond(after, below=True))
        if before is not None:
            query = query.where(_beyond(before, below=False))
        query = query.order_by(*(asc(column) if backwards else desc(column) for column in columns)).limit(limit)
        async with self._engine.connect() as connection:
            found = [SignaturePosition(*row) for row in (await connection.execute(query))]
        return found[::-1] if backwards else found

    async def count(self, criteria: SignatureFilter) -> int:
        """Counts the signatures that match."""
        query = select(func.count()).select_from(_with_sessions()).where(*_conditions(criteria))
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()


async def write_signatures(connection: AsyncConnection, session: Session) -> None:
    """Replaces a session's signatures, within the transaction that writes the session."""
    of_session = (_G.provider == session.provider) & (_G.session_key == session.key)
    await connection.execute(delete(tables.signature).where(of_session))
    if not session.signatures or session.status == "DELETED":
        return
    ref = {"provider": session.provider, "session_key": session.key}
    created = select(_S.created_at).where(_S.provider == session.provider, _S.key == session.key)
    created_at = (await connection.execute(created)).scalar_one()
    rows = [
        {**ref, "key": each.key, "at": each.created_at or each.signed_at or created_at, "signed_at": each.signed_at}
        for each in session.signatures
    ]
    await connection.execute(insert(tables.signature), rows)
    tags = [{**ref, "key": each.key, "tag": tag} for each in session.signatures for tag in _indexed_tags(each)]
    if tags:
        await connection.execute(insert(tables.tag), tags)


def _with_sessions() -> Join:
    return tables.signature.join(tables.session, and_(_S.provider == _G.provider, _S.key == _G.session_key))


def _conditions(criteria: SignatureFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.providers is not None:
        yield _G.provider.in_(list(criteria.providers))
    if criteria.document is not None:
        yield _S.title == criteria.document
    if criteria.thread is not None:
        yield _S.reference == criteria.thread
    if criteria.tags is not None:
        tag = tables.tag.c
        same = and_(tag.provider == _G.provider, tag.session_key == _G.session_key, tag.key == _G.key)
        yield select(tag.tag).where(same, tag.tag.in_(list(criteria.tags))).exists()
    if criteria.signed_from is not None:
        yield _G.signed_at >= criteria.signed_from
    if criteria.signed_to is not None:
        yield _G.signed_at <= criteria.signed_to


def _beyond(position: SignaturePosition, *, below: bool) -> ColumnElement[bool]:
    """Lexicographic comparison, written out so that either database can use its index for the first column."""
    condition: ColumnElement[bool] = _G.key < position.key if below else _G.key > position.key
    outer_columns = ((_G.session_key, position.session_key), (_G.provider, position.provider), (_G.at, position.at))
    for column, value in outer_columns:
        differs = column < value if below else column > value
        condition = or_(differs, and_(column == value, condition))
    return condition


def _indexed_tags(signature: Signature) -> list[str]:
    """Tags by which a signature is found; those beyond the limits of an index are shown, but not searched."""
    ref_bytes = sum(len(part.encode()) for part in (signature.session.provider, signature.session.key, signature.key))
    short = {each for each in signature.tags if len(each) <= _LONGEST_TAG and ref_bytes + len(each.encode()) <= _INDEXED}
    return sorted(short)[:_MOST_TAGS]
