"""The last known state of every session, and which row of a provider's list belongs to which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, delete, func, literal, select, tuple_, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.cache.batch_loader import BatchLoader
from gateway.store import tables
from gateway.store.engine.datatype import Instant
from gateway.store.engine.folding import folded
from gateway.store.engine.membership import among
from gateway.store.engine.upsert import insert_new, insert_or_lock, upsert, upsert_changed
from gateway.store.event_log import append_events
from gateway.store.list_query.due_sort_key import due_place, never
from gateway.store.list_query.filter import PageRequest, Position, SessionFilter, SessionOrder, SessionRow, matching
from gateway.store.list_query.keyset import Keyset
from gateway.store.list_query.query import PageQuery
from gateway.store.list_query.selectivity import Frequencies
from gateway.store.saga_commit import SagaCommit, commit_saga
from gateway.store.session_state.body import UnreadableBody, decode_session, encode_session
from gateway.store.session_state.signatures import save_signatures
from gateway.store.session_state.unreadable import load_remains
from providers.errors import Misbehaved
from providers.model import Session, SessionKind, SessionRef
from providers.model.change import Change

_S = tables.session.c
_LOST_RACES = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization_failure and deadlock_detected: it has rolled back, and the same may go well now."""
_UNFIT = frozenset({"22", "54"})
"""PostgreSQL's data exceptions, and its limits: a key of 3,000 bytes is longer than an index takes, for example."""
_Read = tuple[Session, UnreadableBody | None]
_SEARCHED: Final = 50_000
"""Characters of a title that a part is looked for in."""
_MOST_ADDRESSES: Final = 1_000
_LONGEST = 320
"""Bytes of an address of e-mail: none has more, and an index has to hold it."""


@dataclass(frozen=True, slots=True)
class StoredListRow:
    """A row of a provider's list as it was last seen: the session it belongs to, and a digest of it."""

    session_key: str
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """The last known state of a session; ``version`` says which one it is.

    ``fault`` is why it could not be read: ``session`` is what is left of it then.
    """

    session: Session
    version: int
    fault: UnreadableBody | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWrite:
    """What is saved along with a session.

    ``seen_at`` orders a session whose provider does not say when it was made; the first one stays. ``expected_version`` is the
    version that this state was compared with, None where there was none, and ``changes`` what that has shown.
    ``digests`` are those of the list rows that it was read from, ``saga_commit`` is what ends with it, and ``poll_at``
    when it is looked at again, unless it is settled.
    """

    seen_at: datetime
    expected_version: int | None = None
    changes: Sequence[Change] = ()
    digests: Mapping[str, bytes] = field(default_factory=dict)
    saga_commit: SagaCommit | None = None
    poll_at: datetime | None = None

    @property
    def version(self) -> int:
        """The version that this state becomes."""
        return (self.expected_version or 0) + 1


class Sessions:
    """Sessions by their ref, in pages, and by the rows of providers' lists."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._stored = BatchLoader(self._load)
        self._changed = BatchLoader(self._load_changed)
        self._frequencies = Frequencies()

    async def get(self, ref: SessionRef) -> Session | None:
        """The last known state of a session."""
        stored = await self.load(ref)
        return stored.session if stored else None

    async def load(self, ref: SessionRef) -> StoredSession | None:
        """The last known state of a session, and which one that is."""
        return await self._stored.load(ref)

    async def changed_at(self, ref: SessionRef) -> datetime | None:
        """When a session last changed."""
        return await self._changed.load(ref)

    async def save(self, session: Session, state: SessionWrite) -> bool:
        """Replaces what is known of a session, its parts and addresses with it, and appends what happened to the log.

        What is a part of another session is not kept as one. False, with nothing changed, where somebody else has
        saved another state since the one that ``state`` replaces.
        """
        try:
            async with self._engine.connect() as connection, connection.begin() as transaction:
                if not (saved := await self._save(connection, session, state)):
                    await transaction.rollback()
                return saved
        except DBAPIError as error:
            code = str(getattr(error.orig, "sqlstate", None))
            if code in _LOST_RACES:
                return False
            if code[:2] in _UNFIT:
                raise Misbehaved("It has a value that the database has no room for.", provider=session.provider) from error
            raise

    async def _load(self, refs: Collection[SessionRef]) -> Mapping[SessionRef, StoredSession]:
        named = tuple_(_S.provider, _S.key).in_(refs)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(_S.provider, _S.key, _S.body, _S.version).where(named))).all()
            read = await _decoded(connection, [(SessionRef(row.provider, row.key), row.body) for row in rows])
        return {
            found[0].ref: StoredSession(found[0], row.version, found[1]) for row, found in zip(rows, read, strict=True) if found
        }

    async def _load_changed(self, refs: Collection[SessionRef]) -> Mapping[SessionRef, datetime]:
        named = tuple_(_S.provider, _S.key).in_(refs)
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(_S.provider, _S.key, _S.changed_at).where(named))
        return {SessionRef(row.provider, row.key): row.changed_at for row in rows}

    async def _save(self, connection: AsyncConnection, session: Session, state: SessionWrite) -> bool:
        if state.saga_commit is not None:
            await commit_saga(connection, state.saga_commit)
        if await self._is_part(connection, session):
            return True
        created_at = await self._replace(connection, session, state)
        if created_at is None:
            return False
        await self._save_parts(connection, session, state.digests)
        await self._save_addresses(connection, session, created_at)
        await save_signatures(connection, session)
        await append_events(connection, session, state.version, state.changes, state.seen_at)
        return True

    async def save_digests(self, session: Session, digests: Mapping[str, bytes]) -> None:
        """Notes what the rows of a list were like that told nothing new of a session."""
        async with self._engine.begin() as connection:
            for key, digest in digests.items():
                values = {"provider": session.provider, "key": key, "session_key": session.key, "digest": digest}
                await upsert(connection, tables.part, values)

    async def page(self, wanted: SessionFilter, order: SessionOrder, part: PageRequest) -> list[SessionRow]:
        """A slice of the list of sessions, in its order."""
        query = PageQuery(wanted, Keyset(order, part), self._engine.dialect.name, self._frequencies)
        async with self._engine.connect() as connection:
            rows = await query.read(connection)
            read = await _decoded(connection, [(SessionRef(provider, key), body) for body, _, provider, key in rows])
        found = [SessionRow(each[0], Position(*row[1:]), each[1]) for row, each in zip(rows, read, strict=True) if each]
        return found[::-1] if part.backwards else found

    async def count(self, wanted: SessionFilter) -> int:
        """How many sessions there are."""
        query = select(func.count()).select_from(tables.session).where(*matching(wanted))
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()

    async def providers(self) -> list[str]:
        """The providers of all sessions, each found by one look into the index."""
        found: list[str] = []
        async with self._engine.connect() as connection:
            while True:
                query = select(func.min(_S.provider)).where(_S.provider > (found[-1] if found else ""))
                name = (await connection.execute(query)).scalar_one()
                if name is None:
                    return found
                found.append(name)

    async def count_by_status(self, provider: str) -> Mapping[str, int]:
        """How many sessions of a provider are in each status."""
        query = select(_S.status, func.count()).where(_S.provider == provider).group_by(_S.status)
        async with self._engine.connect() as connection:
            return dict((await connection.execute(query)).all())

    async def unsettled_rows(self, provider: str) -> Mapping[str, str]:
        """The rows of a provider's list that can still change, and the session each belongs to, most overdue first."""
        parts = tables.part.c
        same = (_S.provider == parts.provider) & (_S.key == parts.session_key)
        query = select(parts.key, parts.session_key).join(tables.session, same)
        query = query.where(_S.provider == provider, _S.settled.is_(False)).order_by(_S.poll_at)
        async with self._engine.connect() as connection:
            return dict((await connection.execute(query)).all())

    async def list_rows(self, provider: str, keys: Iterable[str]) -> Mapping[str, StoredListRow]:
        """Which rows of a provider's list are known."""
        parts = tables.part.c
        query = select(parts.key, parts.session_key, parts.digest).where(parts.provider == provider, among(keys, parts.key))
        async with self._engine.connect() as connection:
            return {key: StoredListRow(session_key, digest) for key, session_key, digest in await connection.execute(query)}

    async def _replace(self, connection: AsyncConnection, session: Session, state: SessionWrite) -> datetime | None:
        """When the session was made; None where the state that this one replaces was not there any more."""
        row = _row(session, state)
        if state.expected_version is None:
            return session.created_at or state.seen_at if await insert_new(connection, tables.session, row) else None
        kept = {"created_at"} if session.created_at is None else set[str]()
        kept |= set[str]() if state.changes else {"changed_at"}
        mine = (_S.provider == session.provider, _S.key == session.key, _S.version == state.expected_version)
        values = {name: value for name, value in row.items() if name not in kept}
        if session.created_at is None and session.due_at is None:
            values["due_at"] = never(_S.created_at)
        poll_at = literal(row["poll_at"], Instant())
        # Whoever follows it expects it to be looked at as often as before.
        followed = _S.watched_until > state.seen_at
        if row["poll_at"] is not None:
            values["poll_at"] = case((followed & (_S.poll_at < poll_at), _S.poll_at), else_=poll_at)
        elif session.kind is SessionKind.RECORD:
            values["poll_at"] = case((followed, _S.poll_at), else_=poll_at)
        replacing = update(tables.session).where(*mine).values(**values).returning(_S.created_at)
        made_at: datetime | None = (await connection.execute(replacing)).scalar_one_or_none()
        return made_at

    async def _is_part(self, connection: AsyncConnection, session: Session) -> bool:
        """Whether another session is composed of this one. The row stays locked, so that nobody says otherwise meanwhile."""
        values = {"provider": session.provider, "key": session.key, "session_key": session.key}
        owner = await insert_or_lock(connection, tables.part, values, tables.part.c.session_key)
        if owner == session.key:
            return False
        whole = select(_S.key).where(_S.provider == session.provider, _S.key == owner)
        return (await connection.execute(whole)).first() is not None

    async def _save_parts(self, connection: AsyncConnection, session: Session, digests: Mapping[str, bytes]) -> None:
        for key in sorted(session.parts) or (session.key,):  # in one order, so that nobody waits in a circle
            values: dict[str, Any] = {"provider": session.provider, "key": key, "session_key": session.key}
            if key in digests:
                values["digest"] = digests[key]
            await upsert(connection, tables.part, values)
        if session.parts:
            # The rows of the parts are ours by now: whoever kept one as a session has done so before, and is seen here.
            swallowed = (_S.provider == session.provider) & among(session.parts, _S.key) & (_S.key != session.key)
            await connection.execute(delete(tables.session).where(swallowed))
            parts = tables.part.c
            former = (parts.provider == session.provider, parts.session_key == session.key, ~among(session.parts, parts.key))
            await connection.execute(delete(tables.part).where(*former))

    async def _save_addresses(self, connection: AsyncConnection, session: Session, created_at: datetime) -> None:
        box = tables.mailbox
        emails = sorted(
            {person.email.lower() for person in session.participants if person.email and len(person.email.encode()) <= _LONGEST}
        )[:_MOST_ADDRESSES]
        mine = (box.c.provider == session.provider, box.c.session_key == session.key)
        await connection.execute(delete(box).where(*mine, box.c.email.not_in(emails)))
        if emails:
            place: dict[str, Any] = {"provider": session.provider, "session_key": session.key}
            place |= {"created_at": created_at, "due_at": due_place(session.due_at, created_at)}
            await upsert_changed(connection, box, [{**place, "email": email} for email in emails])


async def _decoded(connection: AsyncConnection, bodies: Sequence[tuple[SessionRef, bytes]]) -> Sequence[_Read | None]:
    """Sessions in the same order, each alone: what is left of one whose body cannot be read; None where it is gone."""
    faults: dict[SessionRef, UnreadableBody] = {}
    found: list[_Read | None] = []
    for ref, body in bodies:
        try:
            found.append((decode_session(body), None))
        except UnreadableBody as fault:
            faults[ref] = fault
            found.append(None)
    if faults:
        left = await load_remains(connection, faults.keys())
        found = [
            (left[ref], faults[ref]) if each is None and ref in left else each
            for (ref, _), each in zip(bodies, found, strict=True)
        ]
    return found


def _row(session: Session, state: SessionWrite) -> dict[str, Any]:
    created_at = session.created_at or state.seen_at
    return {
        "provider": session.provider,
        "key": session.key,
        "kind": session.kind.value,
        "status": session.status.value,
        "settled": session.settled,
        "title": session.title,
        "title_folded": None if session.title is None else folded(session.title[:_SEARCHED]),
        "reference": session.reference,
        "created_at": created_at,
        "due_at": due_place(session.due_at, created_at),
        "observed_at": session.observed_at or state.seen_at,
        "changed_at": state.seen_at,
        "poll_at": None if session.settled else state.poll_at or state.seen_at,
        "version": state.version,
        "body": encode_session(session),
    }
