"""Page query: a page equals the plain query, whichever index it is read along, and reads no table in full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import asc, desc, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine
from stage import statements

from gateway.store import PageRequest, Position, SessionFilter, SessionOrder, Store, tables
from gateway.store.list_query.conditions import SessionColumns, filter_conditions
from providers.model import SessionKind, SessionStatus
from tests.bench.stock import BEGUN, PROVIDERS, SPAN, stocked
from tests.servers import Databases

COUNT = 5_000
HALF, LATE = BEGUN + SPAN / 2, BEGUN + SPAN * 0.9
FILTERS = [
    SessionFilter(),
    SessionFilter(providers=[PROVIDERS[1]]),
    SessionFilter(providers=["rare", PROVIDERS[0]]),
    SessionFilter(providers=["nobody"]),
    SessionFilter(providers=[]),
    SessionFilter(kinds=[SessionKind.SEALING]),
    SessionFilter(kinds=[SessionKind.SIGNING, SessionKind.RECORD]),
    SessionFilter(statuses=[SessionStatus.PENDING]),
    SessionFilter(statuses=[SessionStatus.FAILED, SessionStatus.DRAFT]),
    SessionFilter(providers=[PROVIDERS[0]], statuses=[SessionStatus.PENDING], created_from=HALF),
    SessionFilter(created_from=HALF),
    SessionFilter(created_from=LATE, created_to=LATE + SPAN * 0.01),
    SessionFilter(due_from=HALF),
    SessionFilter(due_from=LATE, due_to=LATE + SPAN * 0.01),
    SessionFilter(due_to=HALF, statuses=[SessionStatus.COMPLETED]),
    SessionFilter(title_contains="NORTH"),
    SessionFilter(title_contains="south"),
    SessionFilter(title_contains="annex"),
    SessionFilter(title_contains="appendix"),
    SessionFilter(title_contains="appendix", created_from=HALF),
    SessionFilter(title_contains="appendix", due_from=HALF),
    SessionFilter(title_contains="annex", created_to=HALF, due_to=LATE),
    SessionFilter(title_contains="appendix", statuses=[SessionStatus.PENDING]),
    SessionFilter(title_contains="nowhere"),
    SessionFilter(title_contains="part 77"),
    SessionFilter(title_contains="an"),
    SessionFilter(title_contains="north", created_from=LATE, participant_email="half@people.example"),
    SessionFilter(reference="case-77"),
    SessionFilter(reference="case-77", title_contains="north"),
    SessionFilter(participant_email="half@people.example"),
    SessionFilter(participant_email="HALF@people.example", statuses=[SessionStatus.PENDING]),
    SessionFilter(participant_email="rare@people.example", kinds=[SessionKind.SEALING]),
    SessionFilter(participant_email="nobody@people.example"),
    SessionFilter(statuses=[SessionStatus.DELETED]),
    SessionFilter(statuses=[SessionStatus.DELETED], title_contains="south"),
    SessionFilter(exclude_statuses=[SessionStatus.PENDING, SessionStatus.COMPLETED]),
    SessionFilter(statuses=[SessionStatus.PENDING, SessionStatus.DELETED], exclude_statuses=[SessionStatus.PENDING]),
    SessionFilter(exclude_statuses=[]),
    SessionFilter(exclude_statuses=[SessionStatus.PENDING], title_contains="appendix"),
    SessionFilter(updated_from=HALF),
    SessionFilter(updated_from=LATE, updated_to=LATE + SPAN * 0.01),
    SessionFilter(updated_to=HALF, title_contains="appendix"),
    SessionFilter(updated_from=HALF, participant_email="half@people.example", statuses=[SessionStatus.PENDING]),
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with very many sessions."""
    if request.param == "sqlite":
        yield _filled(f"sqlite:///{_file(tmp_path_factory)}")
        return
    databases: Databases = request.getfixturevalue("databases")
    address = asyncio.run(databases.create())
    yield _filled(address)
    asyncio.run(databases.drop(address))


def _file(folders: pytest.TempPathFactory) -> Path:
    return folders.mktemp("query") / "store.db"


def _filled(url: str) -> str:
    async def fill() -> None:
        async with stocked(url, COUNT):
            pass

    asyncio.run(fill())
    return url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = await Store.open(SecretStr(url))
    yield store
    await store.close()


async def _plainly(engine: AsyncEngine, wanted: SessionFilter, order: SessionOrder, part: PageRequest) -> Sequence[Position]:
    of = SessionColumns.of(tables.session)
    place = (of.sort_key(order), of.provider, of.key)
    query = select(*place).where(*filter_conditions(wanted))
    for edge, below in ((part.after, order.descending), (part.before, not order.descending)):
        if edge is not None:
            there = (edge.at, edge.provider, edge.key)
            query = query.where(tuple_(*place) < there if below else tuple_(*place) > there)
    descending = order.descending != part.backwards
    query = query.order_by(*(desc(each) if descending else asc(each) for each in place)).limit(part.limit)
    async with engine.connect() as connection:
        found = [Position(*row) for row in await connection.execute(query)]
    return found[::-1] if part.backwards else found


@pytest.mark.parametrize("wanted", FILTERS, ids=lambda wanted: repr(wanted)[14:90])
async def test_page_equals_plain_query(store: Store, wanted: SessionFilter) -> None:
    engine = store.sessions._engine
    for order in SessionOrder:
        for backwards in (False, True):
            part = PageRequest(limit=7, backwards=backwards)
            for _ in range(3):
                found = [row.position for row in await store.sessions.page(wanted, order, part)]
                assert found == await _plainly(engine, wanted, order, part)
                if not found:
                    break
                edge = found[0] if backwards else found[-1]
                part = PageRequest(limit=7, backwards=backwards, **{"before" if backwards else "after": edge})


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("wanted", FILTERS, ids=lambda wanted: repr(wanted)[14:90])
async def test_no_page_scans_a_table(store: Store, wanted: SessionFilter) -> None:
    for order in SessionOrder:
        with statements(store) as asked:
            await store.sessions.page(wanted, order, PageRequest(limit=7))
        async with store.sessions._engine.connect() as connection:
            for query in list(asked):
                steps = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", (None,) * query.count("?"))
                plan = [step.detail for step in steps]
                assert not {f"SCAN {name}" for name in ("session", "branch", "entry", "mailbox", "title")} & set(plan), plan


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_titles_are_found_after_vacuum_renumbers_rows(store: Store) -> None:
    wanted = SessionFilter(title_contains="south")
    part = PageRequest(limit=50)
    before = [row.position for row in await store.sessions.page(wanted, SessionOrder.CREATED_AT_DESC, part)]
    async with store.sessions._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM"))
    assert [row.position for row in await store.sessions.page(wanted, SessionOrder.CREATED_AT_DESC, part)] == before
    assert len(before) == 10
