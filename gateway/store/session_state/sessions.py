"""Session state: reads the last known state of sessions, in pages, by ref, and by the rows of provider lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.cache.batch_loader import BatchLoader
from gateway.store import tables
from gateway.store.engine.membership import in_values
from gateway.store.list_query.conditions import filter_conditions
from gateway.store.list_query.filter import SessionFilter, SessionOrder
from gateway.store.list_query.keyset import Keyset, PageRequest, Position
from gateway.store.list_query.page_query import PageQuery
from gateway.store.list_query.selectivity import SelectivityEstimator
from gateway.store.session_state.body import UnreadableBody
from gateway.store.session_state.session_write import SessionWrite, write_digests, write_session
from gateway.store.session_state.unreadable import decode_sessions
from providers.errors import Misbehaved
from providers.model import Session, SessionRef

_S = tables.session.c
_R = tables.list_row.c
_SERIALIZATION_FAILURES = frozenset({"40001", "40P01"})
"""SQLSTATE of serialization_failure and deadlock_detected: PostgreSQL has rolled back, and a retry may succeed."""
_DATA_ERRORS = frozenset({"22", "54"})
"""SQLSTATE classes of data exceptions and exceeded limits: a key of 3,000 bytes does not fit into an index, for example."""


@dataclass(frozen=True, slots=True)
class StoredListRow:
    """Row of a provider's list as it was last seen: the session it belongs to, and a digest of the row."""

    session_key: str
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Last known state of a session, and its version.

    ``fault`` says why the body is unreadable; ``session`` is then made of the other columns.
    """

    session: Session
    version: int
    fault: UnreadableBody | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Session on a page, and its position; ``fault`` as in ``StoredSession``."""

    session: Session
    position: Position
    fault: UnreadableBody | None = None


class Sessions:
    """Repository of sessions. Reads by ref that arrive together are one query."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._stored = BatchLoader(self._load)
        self._changed = BatchLoader(self._load_changed_at)
        self._selectivity = SelectivityEstimator()

    async def get(self, ref: SessionRef) -> Session | None:
        """The last known state of a session."""
        stored = await self.load(ref)
        return stored.session if stored else None

    async def load(self, ref: SessionRef) -> StoredSession | None:
        """The last known state of a session, with its version."""
        return await self._stored.load(ref)

    async def changed_at(self, ref: SessionRef) -> datetime | None:
        """When a session last changed."""
        return await self._changed.load(ref)

    async def save(self, session: Session, state: SessionWrite) -> bool:
        """Compare-and-set: writes a session, its parts, addresses and signatures, and appends its changes to the event log.

        A session that is part of another is not written. Returns False, with nothing written, where another writer has
        replaced the expected version.
        """
        try:
            async with self._engine.connect() as connection, connection.begin() as transaction:
                if not (written := await write_session(connection, session, state)):
                    await transaction.rollback()
                return written
        except DBAPIError as error:
            code = str(getattr(error.orig, "sqlstate", None))
            if code in _SERIALIZATION_FAILURES:
                return False
            if code[:2] in _DATA_ERRORS:
                raise Misbehaved("It has a value that the database has no room for.", provider=session.provider) from error
            raise

    async def page(self, criteria: SessionFilter, order: SessionOrder, page: PageRequest) -> list[SessionRow]:
        """A page of the session list, in its order."""
        query = PageQuery(criteria, Keyset(order, page), self._engine.dialect.name, self._selectivity)
        async with self._engine.connect() as connection:
            rows = await query.read(connection)
            bodies = [(SessionRef(provider, key), body) for body, _, provider, key in rows]
            decoded = await decode_sessions(connection, bodies)
        found = [SessionRow(each[0], Position(*row[1:]), each[1]) for row, each in zip(rows, decoded, strict=True) if each]
        return found[::-1] if page.backwards else found

    async def count(self, criteria: SessionFilter) -> int:
        """Counts the sessions that match."""
        query = select(func.count()).select_from(tables.session).where(*filter_conditions(criteria))
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()

    async def count_by_status(self, provider: str) -> Mapping[str, int]:
        """Counts the sessions of a provider in each status."""
        query = select(_S.status, func.count()).where(_S.provider == provider).group_by(_S.status)
        async with self._engine.connect() as connection:
            return dict((await connection.execute(query)).all())

    async def providers(self) -> list[str]:
        """The providers of all sessions, by one index seek for each (a loose index scan)."""
        names: list[str] = []
        async with self._engine.connect() as connection:
            while True:
                query = select(func.min(_S.provider)).where(_S.provider > (names[-1] if names else ""))
                name = (await connection.execute(query)).scalar_one()
                if name is None:
                    return names
                names.append(name)

    async def unsettled_rows(self, provider: str) -> Mapping[str, str]:
        """Session keys by the rows of a provider's list that belong to sessions not settled yet, most overdue first."""
        same = (_S.provider == _R.provider) & (_S.key == _R.session_key)
        query = select(_R.key, _R.session_key).join(tables.session, same)
        query = query.where(_S.provider == provider, _S.settled.is_(False)).order_by(_S.poll_at)
        async with self._engine.connect() as connection:
            return dict((await connection.execute(query)).all())

    async def list_rows(self, provider: str, keys: Iterable[str]) -> Mapping[str, StoredListRow]:
        """The stored rows of a provider's list among these keys."""
        query = select(_R.key, _R.session_key, _R.digest).where(_R.provider == provider, in_values(keys, _R.key))
        async with self._engine.connect() as connection:
            return {key: StoredListRow(session_key, digest) for key, session_key, digest in await connection.execute(query)}

    async def save_digests(self, session: Session, digests: Mapping[str, bytes]) -> None:
        """Stores digests of list rows that changed without the session changing."""
        async with self._engine.begin() as connection:
            await write_digests(connection, session, digests)

    async def _load(self, refs: Collection[SessionRef]) -> Mapping[SessionRef, StoredSession]:
        query = select(_S.provider, _S.key, _S.body, _S.version).where(tuple_(_S.provider, _S.key).in_(refs))
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
            decoded = await decode_sessions(connection, [(SessionRef(row.provider, row.key), row.body) for row in rows])
        stored = (StoredSession(each[0], row.version, each[1]) for row, each in zip(rows, decoded, strict=True) if each)
        return {each.session.ref: each for each in stored}

    async def _load_changed_at(self, refs: Collection[SessionRef]) -> Mapping[SessionRef, datetime]:
        query = select(_S.provider, _S.key, _S.changed_at).where(tuple_(_S.provider, _S.key).in_(refs))
        async with self._engine.connect() as connection:
            rows = await connection.execute(query)
        return {SessionRef(row.provider, row.key): row.changed_at for row in rows}
