"""A store with very many sessions, put there at once: what a gateway has gathered over years."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Insert, RowMapping, Table, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.store import Store, tables
from gateway.store.list_query.due_sort_key import due_sort_key
from gateway.store.session_state.session_write import SessionWrite
from providers.model import (
    Document,
    DocumentRole,
    DocumentStatus,
    Participant,
    ParticipantRole,
    ParticipantStatus,
    Session,
    SessionKind,
    SessionRef,
    SessionStatus,
)

BEGUN = datetime(2020, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=2000)
"""Sessions are spread over this time, however many there are."""
PROVIDERS = ("easyink", "signicat", "signicat-2", "signicat-3")
RARE = 10
"""So many sessions, spread alike, have what hardly any has."""
SEVERAL = {"annex": 21, "codicil": 141, "appendix": 501}
"""Words that are in the title of every so manieth session."""
_USUAL = {0: SessionStatus.PENDING, 7: SessionStatus.DELETED}
_DUE_AFTER = timedelta(days=30)
_BATCH = 2_000
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


def made_at(number: int, count: int) -> datetime:
    """When the session of this number was made, of so many."""
    return BEGUN + SPAN * (number / count)


@asynccontextmanager
async def stocked(url: str, count: int) -> AsyncIterator[Store]:
    """A store at this address with so many sessions.

    One is saved as every session is; its rows are then repeated, with what the filters look at changed.
    """
    store = await Store.open(SecretStr(url))
    try:
        for provider in (*PROVIDERS, "rare"):
            await store.checkpoints.record_refresh(provider, datetime.now(UTC))
        await store.sessions.save(_first(), SessionWrite(seen_at=BEGUN))
        scheme, _, rest = url.partition("://")
        engine = create_async_engine(f"{_DRIVERS[scheme]}://{rest}")
        try:
            await _repeat(engine, count)
        finally:
            await engine.dispose()
        yield store
    finally:
        await store.close()


async def _repeat(engine: AsyncEngine, count: int) -> None:
    async with engine.begin() as connection, _aside(connection):
        session = await _row(connection, tables.session)
        part, mailbox = await _row(connection, tables.list_row), await _row(connection, tables.mailbox)
        for start in range(0, count, _BATCH):
            changed = [_changes(number, count) for number in range(max(start, 1), min(start + _BATCH, count))]
            keys = [{"provider": each["provider"], "session_key": each["key"]} for each in changed]
            await _insert(connection, tables.session.insert(), session, changed)
            await _insert(connection, tables.list_row.insert(), part, [{**each, "key": each["session_key"]} for each in keys])
            emails = [
                {**place, "email": email, "created_at": each["created_at"], "due_at": each["due_at"]}
                for place, each in zip(keys, changed, strict=True)
                for email in _emails(int(each["key"]), count)
            ]
            await _insert(connection, tables.mailbox.insert(), mailbox, emails)
    if engine.dialect.name == "postgresql":
        # Its autovacuum does so within a minute; SQLite has nothing that would.
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            await connection.execute(text("VACUUM ANALYZE"))


@asynccontextmanager
async def _aside(connection: AsyncConnection) -> AsyncIterator[None]:
    """Makes the indexes anew that would take longest to be told of each."""
    if connection.dialect.name != "postgresql":
        yield
        return
    found = text("SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'session_by_trigram%'")
    indexes = (await connection.execute(found)).all()
    for name, _ in indexes:
        await connection.exec_driver_sql(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        await connection.exec_driver_sql(definition)


async def _insert(connection: AsyncConnection, statement: Insert, usual: RowMapping, changed: list[dict[str, Any]]) -> None:
    await connection.execute(statement, [{**usual, **each} for each in changed])


async def _row(connection: AsyncConnection, of: Table) -> RowMapping:
    return (await connection.execute(select(of))).mappings().one()


def _changes(number: int, count: int) -> dict[str, Any]:
    at, rare = made_at(number, count), _rare(number, count)
    status = SessionStatus.FAILED if rare else _USUAL.get(number % 20, SessionStatus.COMPLETED)
    title = f"Lease of the {'south' if rare else 'north'} field, part {number}"
    title += "".join(f", {word}" for word, every in SEVERAL.items() if number % every == 0)
    return {
        "provider": "rare" if rare else PROVIDERS[number % len(PROVIDERS)],
        "key": f"{number:09}",
        "kind": (SessionKind.SEALING if rare else SessionKind.SIGNING).value,
        "status": status.value,
        "settled": status is not SessionStatus.PENDING,
        "title": title,
        "title_folded": title.casefold(),
        "reference": f"case-{number}",
        "created_at": at,
        "due_at": due_sort_key(at + _DUE_AFTER if number % 2 else None, at),
        "observed_at": at,
        "changed_at": at,
        "poll_at": at if status is SessionStatus.PENDING else None,
    }


def _rare(number: int, count: int) -> bool:
    every = count // RARE
    return number % every == every // 2


def _emails(number: int, count: int) -> Iterator[str]:
    yield "rare@people.example" if _rare(number, count) else f"person-{number}@people.example"
    if number % 2:
        yield "half@people.example"


def _first() -> Session:
    ref = SessionRef(PROVIDERS[0], f"{0:09}")
    documents = tuple(
        Document(
            session=ref, key=f"document-{number}", role=DocumentRole.TO_SIGN, status=DocumentStatus.SIGNED, title="Contract"
        )
        for number in range(4)
    )
    person = Participant(
        session=ref,
        key="ada",
        role=ParticipantRole.SIGNER,
        status=ParticipantStatus.SIGNED,
        first_name="Ada",
        last_name="Nordmann",
        email="ada@people.example",
    )
    return Session(
        provider=ref.provider,
        key=ref.key,
        kind=SessionKind.SIGNING,
        status=SessionStatus.COMPLETED,
        title="Lease of the north field, part 0",
        reference="case-0",
        created_at=BEGUN,
        observed_at=BEGUN,
        documents=documents,
        participants=(person,),
        native=b'{"status":"SIGNED"}' * 20,
    )


def windows(count: int) -> Mapping[str, datetime]:
    """Two moments between which a hundred sessions were made, and two between which fifty of them are due."""
    middle = count // 2
    begin, end = made_at(middle, count), made_at(middle + 100, count)
    return {"from": begin, "to": end, "due_from": begin + _DUE_AFTER, "due_to": end + _DUE_AFTER}


def sizes(most: int) -> Iterator[int]:
    """A thousand, and then as many as there are to be."""
    yield 1_000
    yield most
