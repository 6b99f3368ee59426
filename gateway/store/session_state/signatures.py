"""Signatures across all sessions: which there are, in which order."""

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
"""Bytes that PostgreSQL has room for in a row of an index, but for its head and what is of one length."""
_MOST_TAGS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFilter:
    """Which signatures are meant; ``tags`` means any of them. Document and thread are those of a stored record."""

    providers: Sequence[str] | None = None
    document: str | None = None
    thread: str | None = None
    tags: Sequence[str] | None = None
    signed_from: datetime | None = None
    signed_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignaturePosition:
    """A signature, and where it stands: newest first."""

    at: datetime
    provider: str
    session_key: str
    key: str

    @property
    def session(self) -> SessionRef:
        """The session it belongs to."""
        return SessionRef(self.provider, self.session_key)


class Signatures:
    """Signatures in pages."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self,
        wanted: SignatureFilter,
        limit: int,
        after: SignaturePosition | None,
        before: SignaturePosition | None,
        *,
        backwards: bool,
    ) -> list[SignaturePosition]:
        """A slice of the list, newest first."""
        columns = (_G.at, _G.provider, _G.session_key, _G.key)
        query = select(*columns).select_from(_joined()).where(*_conditions(wanted))
        if after is not None:
            query = query.where(_beyond(after, below=True))
        if before is not None:
            query = query.where(_beyond(before, below=False))
        query = query.order_by(*(asc(column) if backwards else desc(column) for column in columns)).limit(limit)
        async with self._engine.connect() as connection:
            found = [SignaturePosition(*row) for row in (await connection.execute(query))]
        return found[::-1] if backwards else found

    async def count(self, wanted: SignatureFilter) -> int:
        """How many signatures there are."""
        query = select(func.count()).select_from(_joined()).where(*_conditions(wanted))
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()


async def save_signatures(connection: AsyncConnection, session: Session) -> None:
    """Replaces what is known of a session's signatures, within the transaction that has saved the session."""
    mine = (_G.provider == session.provider) & (_G.session_key == session.key)
    await connection.execute(delete(tables.signature).where(mine))
    if not session.signatures or session.status == "DELETED":
        return
    place = {"provider": session.provider, "session_key": session.key}
    made = select(_S.created_at).where(_S.provider == session.provider, _S.key == session.key)
    first = (await connection.execute(made)).scalar_one()
    rows = [
        {**place, "key": each.key, "at": each.created_at or each.signed_at or first, "signed_at": each.signed_at}
        for each in session.signatures
    ]
    await connection.execute(insert(tables.signature), rows)
    tags = [{**place, "key": each.key, "tag": tag} for each in session.signatures for tag in _indexed(each)]
    if tags:
        await connection.execute(insert(tables.tag), tags)


def _joined() -> Join:
    return tables.signature.join(tables.session, and_(_S.provider == _G.provider, _S.key == _G.session_key))


def _conditions(wanted: SignatureFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.providers is not None:
        yield _G.provider.in_(list(wanted.providers))
    if wanted.document is not None:
        yield _S.title == wanted.document
    if wanted.thread is not None:
        yield _S.reference == wanted.thread
    if wanted.tags is not None:
        tag = tables.tag.c
        same = and_(tag.provider == _G.provider, tag.session_key == _G.session_key, tag.key == _G.key)
        yield select(tag.tag).where(same, tag.tag.in_(list(wanted.tags))).exists()
    if wanted.signed_from is not None:
        yield _G.signed_at >= wanted.signed_from
    if wanted.signed_to is not None:
        yield _G.signed_at <= wanted.signed_to


def _beyond(position: SignaturePosition, *, below: bool) -> ColumnElement[bool]:
    """Lexicographic comparison, spelled out so that every database can use its index for the first column."""
    condition: ColumnElement[bool] = _G.key < position.key if below else _G.key > position.key
    outer = ((_G.session_key, position.session_key), (_G.provider, position.provider), (_G.at, position.at))
    for column, value in outer:
        nearer = column < value if below else column > value
        condition = or_(nearer, and_(column == value, condition))
    return condition


def _indexed(signature: Signature) -> list[str]:
    """The tags that a signature is found by. What a store keeps besides is shown, and too much for an index."""
    place = sum(len(part.encode()) for part in (signature.session.provider, signature.session.key, signature.key))
    short = {each for each in signature.tags if len(each) <= _LONGEST_TAG and place + len(each.encode()) <= _INDEXED}
    return sorted(short)[:_MOST_TAGS]
