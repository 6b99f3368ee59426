"""Session write: compare-and-set of one session with all that is indexed of it, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.engine.datatype import Instant
from gateway.store.engine.membership import in_values
from gateway.store.engine.upsert import insert_new, insert_or_lock, upsert, upsert_changed
from gateway.store.event_log import append_events
from gateway.store.list_query.due_sort_key import due_sort_key, undated_sort_key
from gateway.store.list_query.text_folding import fold_case
from gateway.store.sagas import SagaCommit, commit_saga
from gateway.store.session_state.body import encode_session
from gateway.store.session_state.signatures import write_signatures
from providers.model import Session, SessionKind
from providers.model.change import Change

_S = tables.session.c
_R = tables.list_row.c
_M = tables.mailbox.c
_SEARCHABLE: Final = 50_000
"""Characters of a title that searches look at."""
_MAX_ADDRESSES: Final = 1_000
_MAX_ADDRESS_BYTES: Final = 320
"""No e-mail address has more, and an index has to hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWrite:
    """Metadata of a session write.

    ``seen_at`` is the sort key of a session whose provider does not say when it was created; the first one stays.
    ``expected_version`` is the stored version that this state was compared with, None where there was none, and ``changes``
    are the differences. ``digests`` are those of the list rows that it was read from, ``saga_commit`` ends a saga in the same
    transaction, and ``poll_at`` is when the session is read again, unless it is settled.
    """

    seen_at: datetime
    expected_version: int | None = None
    changes: Sequence[Change] = ()
    digests: Mapping[str, bytes] = field(default_factory=dict)
    saga_commit: SagaCommit | None = None
    poll_at: datetime | None = None

    @property
    def version(self) -> int:
        """The version of the session once it is written."""
        return (self.expected_version or 0) + 1


async def write_session(connection: AsyncConnection, session: Session, state: SessionWrite) -> bool:
    """Writes a session in a transaction; returns False where the stored version is not the expected one."""
    if state.saga_commit is not None:
        await commit_saga(connection, state.saga_commit)
    if await _is_part(connection, session):
        return True
    created_at = await _replace(connection, session, state)
    if created_at is None:
        return False
    await _write_parts(connection, session, state.digests)
    await _write_addresses(connection, session, created_at)
    await write_signatures(connection, session)
    await append_events(connection, session, state.version, state.changes, state.seen_at)
    return True


async def write_digests(connection: AsyncConnection, session: Session, digests: Mapping[str, bytes]) -> None:
    """Writes digests of the list rows of a session."""
    for key, digest in digests.items():
        values = {"provider": session.provider, "key": key, "session_key": session.key, "digest": digest}
        await upsert(connection, tables.list_row, values)


async def _replace(connection: AsyncConnection, session: Session, state: SessionWrite) -> datetime | None:
    """Inserts or updates the session's row; returns when it was created, None where its version is not the expected one."""
    row = _row(session, state)
    if state.expected_version is None:
        return session.created_at or state.seen_at if await insert_new(connection, tables.session, row) else None
    unchanged = {"created_at"} if session.created_at is None else set[str]()
    unchanged |= set[str]() if state.changes else {"changed_at"}
    values = {name: value for name, value in row.items() if name not in unchanged} | _poll_at(session, state, row["poll_at"])
    if session.created_at is None and session.due_at is None:
        values["due_at"] = undated_sort_key(_S.created_at)
    expected = (_S.provider == session.provider, _S.key == session.key, _S.version == state.expected_version)
    replacement = update(tables.session).where(*expected).values(**values).returning(_S.created_at)
    created_at: datetime | None = (await connection.execute(replacement)).scalar_one_or_none()
    return created_at


def _poll_at(session: Session, state: SessionWrite, planned: datetime | None) -> dict[str, Any]:
    """When the session is read again: a followed one no later than was planned before."""
    poll_at = literal(planned, Instant())
    followed = _S.watched_until > state.seen_at
    if planned is not None:
        return {"poll_at": case((followed & (_S.poll_at < poll_at), _S.poll_at), else_=poll_at)}
    if session.kind is SessionKind.RECORD:
        return {"poll_at": case((followed, _S.poll_at), else_=poll_at)}
    return {}


async def _is_part(connection: AsyncConnection, session: Session) -> bool:
    """Whether another session is composed of this one. Its row stays locked, so that this holds until the transaction ends."""
    values = {"provider": session.provider, "key": session.key, "session_key": session.key}
    owner = await insert_or_lock(connection, tables.list_row, values, _R.session_key)
    if owner == session.key:
        return False
    composed = select(_S.key).where(_S.provider == session.provider, _S.key == owner)
    return (await connection.execute(composed)).first() is not None


async def _write_parts(connection: AsyncConnection, session: Session, digests: Mapping[str, bytes]) -> None:
    for key in sorted(session.parts) or (session.key,):  # sorted, so that concurrent writers cannot deadlock
        values: dict[str, Any] = {"provider": session.provider, "key": key, "session_key": session.key}
        if key in digests:
            values["digest"] = digests[key]
        await upsert(connection, tables.list_row, values)
    if session.parts:
        # The rows of the parts are locked by now: a writer that stored a part as a session has committed, and is seen here.
        absorbed = (_S.provider == session.provider) & in_values(session.parts, _S.key) & (_S.key != session.key)
        await connection.execute(delete(tables.session).where(absorbed))
        former = (_R.provider == session.provider, _R.session_key == session.key, ~in_values(session.parts, _R.key))
        await connection.execute(delete(tables.list_row).where(*former))


async def _write_addresses(connection: AsyncConnection, session: Session, created_at: datetime) -> None:
    emails = sorted(
        {
            person.email.lower()
            for person in session.participants
            if person.email and len(person.email.encode()) <= _MAX_ADDRESS_BYTES
        }
    )[:_MAX_ADDRESSES]
    of_session = (_M.provider == session.provider, _M.session_key == session.key)
    await connection.execute(delete(tables.mailbox).where(*of_session, _M.email.not_in(emails)))
    if emails:
        row: dict[str, Any] = {"provider": session.provider, "session_key": session.key}
        row |= {"created_at": created_at, "due_at": due_sort_key(session.due_at, created_at)}
        await upsert_changed(connection, tables.mailbox, [{**row, "email": email} for email in emails])


def _row(session: Session, state: SessionWrite) -> dict[str, Any]:
    created_at = session.created_at or state.seen_at
    return {
        "provider": session.provider,
        "key": session.key,
        "kind": session.kind.value,
        "status": session.status.value,
        "settled": session.settled,
        "title": session.title,
        "title_folded": None if session.title is None else fold_case(session.title[:_SEARCHABLE]),
        "reference": session.reference,
        "created_at": created_at,
        "due_at": due_sort_key(session.due_at, created_at),
        "observed_at": session.observed_at or state.seen_at,
        "changed_at": state.seen_at,
        "poll_at": None if session.settled else state.poll_at or state.seen_at,
        "version": state.version,
        "body": encode_session(session),
    }
