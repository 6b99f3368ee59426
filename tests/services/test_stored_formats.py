"""Stored formats: bodies, receipts and schemas of every former build are decoded, and encoded anew when they are saved.

``former/`` holds the rows of sessions at all four providers, as builds of each format wrote them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from pydantic import SecretStr
from sqlalchemy import Connection, MetaData, Table, select, update
from stage import START, examples, keep, session, sessions
from test_database import connected, migrate

from gateway.metrics.tally import decode
from gateway.signing.saga.receipt import decode_receipt
from gateway.store import PageRequest, SessionFilter, SessionOrder, SessionWrite, Store, tables
from gateway.store.session_state.body import VERSION, UnreadableBody, decode_session, encode_session
from providers.errors import InDoubt
from providers.model import Session, SessionRef, SessionStatus
from tests.servers import Databases

FORMER = sorted((Path(__file__).parent / "former").glob("*.json"))
EVERYTHING = SessionFilter()
pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
Rows = Mapping[str, Mapping[str, list[Any]]]


def rows_of(file: Path) -> Rows:
    rows: Rows = json.loads(file.read_text(encoding="utf-8"))["tables"]
    return rows


def values(row: list[Any]) -> list[Any]:
    return [base64.b64decode(each["base64"]) if isinstance(each, dict) else each for each in row]


def write(connection: Connection, file: Path) -> None:
    """Makes the database that a former build left: its tables, and its rows in them."""
    migrate(connection, json.loads(file.read_text(encoding="utf-8"))["revision"])
    metadata = MetaData()
    for name, content in rows_of(file).items():
        into = Table(name, metadata, autoload_with=connection)
        if name == "log":
            connection.execute(into.delete())
        for row in content["rows"]:
            given = dict(zip(content["columns"], values(row), strict=True))
            booleans = {each.name for each in into.columns if each.type.python_type is bool}
            connection.execute(into.insert().values({key: bool(v) if key in booleans else v for key, v in given.items()}))


@pytest.fixture(params=FORMER, ids=[file.stem for file in FORMER])
def former(request: pytest.FixtureRequest) -> Path:
    file: Path = request.param
    return file


@pytest.fixture
async def store(dialect: str, former: Path, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """This build on the database of a former one."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    databases: Databases = request.getfixturevalue("databases")
    async with databases.fresh(migrated=False) as empty:
        url = empty if dialect == "postgresql" else url
        async with connected(url) as run:
            await run(lambda connection: write(connection, former))
        store = await Store.open(SecretStr(url))
        yield store
        await store.close()


async def test_every_session_of_a_former_build_is_decoded(store: Store, former: Path) -> None:
    kept = rows_of(former)["session"]
    columns = [dict(zip(kept["columns"], values(row), strict=True)) for row in kept["rows"]]
    page = await store.sessions.page(EVERYTHING, SessionOrder.CREATED_AT_DESC, PageRequest(limit=100))
    assert {row.session.ref for row in page} == {SessionRef(each["provider"], each["key"]) for each in columns}
    assert {row.session.provider for row in page} == {"signicat", "easyink", "seal", "persist"}
    statuses = {(each["provider"], each["key"]): each["status"] for each in columns}
    for row in page:
        assert row.fault is None
        assert row.session.status == statuses[row.session.ref]
        parts = (*row.session.documents, *row.session.participants, *row.session.signatures, *row.session.fields)
        assert parts
        assert {part.session for part in parts} == {row.session.ref}
    assert any(row.session.status is SessionStatus.COMPLETED and row.session.signatures for row in page)


async def test_every_receipt_and_metric_of_a_former_build_is_decoded(store: Store, former: Path) -> None:
    async with store.events._engine.connect() as connection:
        receipts = (await connection.execute(select(tables.idempotency_key.c.result))).scalars().all()
        figures = (await connection.execute(select(tables.metric.c.body))).scalars().all()
    assert len(receipts) == 3
    for body in receipts:
        assert await store.sessions.get(decode_receipt(body).session) is not None
    assert len(figures) == len(rows_of(former).get("metric", {"rows": []})["rows"])
    assert all(decode(body).calls or decode(body).sessions for body in figures)


async def test_session_of_former_build_is_encoded_anew_when_it_is_saved_again(store: Store) -> None:
    for row in await store.sessions.page(EVERYTHING, SessionOrder.CREATED_AT_DESC, PageRequest(limit=100)):
        await keep(store, replace(row.session, title="Seen again"), START)
    async with store.events._engine.connect() as connection:
        bodies = (await connection.execute(select(tables.session.c.body))).scalars().all()
    assert {msgspec.msgpack.decode(body)["v"] for body in bodies} == {VERSION}
    assert {decode_session(body).title for body in bodies} == {"Seen again"}


@examples(100)
@given(seen=sessions())
def test_former_build_decodes_present_body(seen: Session) -> None:
    """Both run side by side during an upgrade, and after a step back: the former one decodes without a look at a label."""
    assert msgspec.msgpack.decode(encode_session(seen), type=Session) == seen


@pytest.mark.parametrize(
    ("body", "newer"),
    [
        (b"", False),
        (b"\xc1", False),
        (encode_session(session())[:-9], False),
        (msgspec.msgpack.encode([1, 2]), False),
        (msgspec.msgpack.encode({"v": "3"}), True),
        (msgspec.msgpack.encode({"v": VERSION, "provider": "acme", "key": 1}), False),
        (msgspec.msgpack.encode({"documents": [{"session": {"provider": "acme"}}]}), False),
        (msgspec.msgpack.encode({"documents": 5}), False),
        (b"\x91" * 5_000, False),
        (msgspec.msgpack.encode({"v": VERSION + 1, "name": ["acme", "s1"], "state": 7}), True),
    ],
)
async def test_session_with_unreadable_body_is_rebuilt_from_its_columns(tmp_path: Path, body: bytes, newer: bool) -> None:
    store = await Store.open(SecretStr(f"sqlite:///{tmp_path / 'store.db'}"))
    others = [session(f"s{number}", title="Lease") for number in range(3)]
    for each in others:
        await keep(store, each, START)
    await keep(store, session("odd", title="Lease", status=SessionStatus.COMPLETED, parts=("p1", "p2")), START)
    async with store.events._engine.begin() as connection:
        await connection.execute(update(tables.session).where(tables.session.c.key == "odd").values(body=body))
    page = await store.sessions.page(SessionFilter(title_contains="lease"), SessionOrder.CREATED_AT_ASC, PageRequest(limit=9))
    faults = {row.session.key: row.fault for row in page}
    assert [key for key, fault in faults.items() if fault is not None] == ["odd"]
    assert set(faults) == {"odd", "s0", "s1", "s2"}
    stored = await store.sessions.load(session("odd").ref)
    assert stored is not None
    assert isinstance(stored.fault, UnreadableBody)
    assert stored.fault.newer is newer
    left = stored.session
    assert (left.title, left.status, left.parts, left.partial) == ("Lease", SessionStatus.COMPLETED, ("p1", "p2"), True)
    assert await store.sessions.count(EVERYTHING) == 4
    assert await store.sessions.save(session("odd"), SessionWrite(seen_at=START, expected_version=stored.version))
    await store.close()


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", msgspec.msgpack.encode([["acme", "s1"], None, 99]), msgspec.msgpack.encode([5])]
)
def test_unreadable_receipt_leaves_its_key_in_doubt(body: bytes) -> None:
    with pytest.raises(InDoubt):
        decode_receipt(body)


FIRST_NAMES = {
    "sqlite": (
        "DROP TRIGGER title_made",
        "DROP TRIGGER title_gone",
        "DROP TABLE title_trigram",
        "CREATE VIRTUAL TABLE title_gram USING fts5(folded, content='title', content_rowid='id', tokenize='trigram')",
        "CREATE TRIGGER title_made AFTER INSERT ON title BEGIN SELECT 1; END",
        "CREATE TRIGGER title_gone AFTER DELETE ON title BEGIN SELECT 1; END",
    ),
    "postgresql": (
        "ALTER INDEX session_by_trigram RENAME TO session_by_gram",
        "ALTER FUNCTION trigrams(text) RENAME TO grams",
    ),
}
"""What the first build of revision 0007 called its index of titles."""


async def test_titles_of_first_build_of_a_revision_are_found_after_the_upgrade(
    dialect: str, tmp_path: Path, databases: Databases
) -> None:
    former = next(file for file in FORMER if "0007" in file.stem)

    def write_with_first_names(connection: Connection) -> None:
        write(connection, former)
        for statement in FIRST_NAMES[dialect]:
            connection.exec_driver_sql(statement)

    async with databases.fresh(migrated=False) as empty:
        url = empty if dialect == "postgresql" else f"sqlite:///{tmp_path / 'store.db'}"
        async with connected(url) as run:
            await run(write_with_first_names)
        store = await Store.open(SecretStr(url))
        page = await store.sessions.page(
            SessionFilter(title_contains="LEASE"), SessionOrder.CREATED_AT_DESC, PageRequest(limit=9)
        )
        assert len(page) >= 4
        await store.close()


FIRST_TABLES = {
    "0002": (
        "ALTER TABLE session RENAME COLUMN settled TO final",
        "DROP TABLE secret",
        "DROP INDEX promise_by_saga",
        "ALTER TABLE promise DROP COLUMN saga",
        "ALTER TABLE promise DROP COLUMN before",
        "ALTER TABLE saga DROP COLUMN result",
    ),
    "0003": (
        "ALTER TABLE event DROP COLUMN version",
        "ALTER TABLE sync DROP COLUMN looked_at",
        "ALTER TABLE sync DROP COLUMN swept_at",
        "ALTER TABLE sync DROP COLUMN sweep",
    ),
}
"""What the first builds of these revisions did not have yet."""


@pytest.mark.parametrize("revision", FIRST_TABLES)
async def test_tables_of_first_builds_of_a_revision_are_complete_after_the_upgrade(
    dialect: str, revision: str, tmp_path: Path, databases: Databases
) -> None:
    def make(connection: Connection) -> None:
        migrate(connection, revision)
        for statement in FIRST_TABLES[revision]:
            connection.exec_driver_sql(statement)

    def differences(connection: Connection) -> list[Any]:
        alike = {"include_name": lambda name, kind, _: kind == "column" or name not in tables.MIGRATION_ONLY}
        return list(compare_metadata(MigrationContext.configure(connection, opts=alike), tables.metadata))

    async with databases.fresh(migrated=False) as empty:
        url = empty if dialect == "postgresql" else f"sqlite:///{tmp_path / 'store.db'}"
        async with connected(url) as run:
            await run(make)
        await (await Store.open(SecretStr(url))).close()
        async with connected(url) as run:
            assert await run(differences) == []
