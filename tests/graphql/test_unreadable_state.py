"""Unreadable stored states: one session each, named and read again at its provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest
from scene import Scene, free_port
from sqlalchemy import LargeBinary, insert, select, text, update

from gateway.app import create_app
from gateway.server.run import serve_gateway
from gateway.store import Saga, SagaState, Store, tables
from gateway.store.session_state.body import VERSION

LIST = """query Q($age: Duration) { sessions(first: 50, maxAge: $age) {
  totalCount nodes { id title status participants { email } documents { title } freshness { stale } }
  sources { provider outcome unreadable { key reason } }
} }"""
LOG = "{ sessionEvents: sessions(first: 50) { nodes { id events(first: 50) { nodes { type session { id status } } } } } }"
DAMAGED = {"nothing": b"", "noise": b"\xc1\x00", "another thing": msgspec.msgpack.encode([1, "two"])}
NEWER = msgspec.msgpack.encode({"v": VERSION + 1, "names": ["of", "another", "time"]})


@asynccontextmanager
async def beside(scene: Scene) -> AsyncIterator[Scene]:
    """Another gateway on the same database, which has nothing at hand yet."""
    port = free_port()
    server = scene.settings.server.model_copy(update={"port": port, "public_url": f"http://127.0.0.1:{port}"})
    settings = scene.settings.model_copy(update={"server": server})
    async with (
        serve_gateway(create_app(settings, scene.clock), settings) as address,
        httpx.AsyncClient(base_url=address, timeout=30) as client,
    ):
        yield replace(scene, address=address, client=client, settings=settings)


async def body_of(scene: Scene, session: dict[str, Any]) -> bytes:
    store = await Store.open(scene.settings.database.url)
    async with store.events._engine.connect() as connection:
        found: bytes = (
            await connection.execute(select(tables.session.c.body).where(tables.session.c.key == session["key"]))
        ).scalar_one()
    await store.close()
    return found


async def spoil(scene: Scene, session: dict[str, Any], body: bytes) -> None:
    """Somebody else has written a state that this gateway cannot read."""
    store = await Store.open(scene.settings.database.url)
    async with store.events._engine.begin() as connection:
        await connection.execute(update(tables.session).where(tables.session.c.key == session["key"]).values(body=body))
    await store.close()


def unreadable(page: dict[str, Any]) -> list[str]:
    return [row["key"] for source in page["sources"] for row in source["unreadable"]]


@pytest.mark.parametrize("kind", ["signicat", "seal", "persist", "easyink"])
@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
async def test_one_damaged_state_is_named_and_read_again_and_the_list_is_whole(scene: Scene, kind: str, body: bytes) -> None:
    made = {each: await scene.create(each) for each in ("signicat", "seal", "persist", "easyink")}
    await scene.list()
    await spoil(scene, made[kind], body)
    async with beside(scene) as other:
        page = (await other.data(LIST, age="PT1H"))["sessions"]
        assert page["totalCount"] == len(page["nodes"]) == 4
        assert unreadable(page) == [made[kind]["key"]]
        shown = {node["id"]: node for node in page["nodes"]}
        assert {key: shown[key]["status"] for key in shown} == {each["id"]: each["status"] for each in made.values()}
        mine = shown[made[kind]["id"]]
        assert not mine["freshness"]["stale"]
        assert len(mine["participants"]) == len(made[kind]["participants"])
        assert unreadable((await other.data(LIST, age="PT1H"))["sessions"]) == []
        again = await other.read(made[kind]["id"], max_age=None)
        assert {each["key"] for each in again["participants"]} == {each["key"] for each in made[kind]["participants"]}


async def test_damaged_states_break_neither_events_nor_nodes_nor_counts_nor_signatures(scene: Scene) -> None:
    made = [await scene.create("easyink"), await scene.create("seal"), await scene.create("persist")]
    for each in made:
        await spoil(scene, each, b"\xc1")
    async with beside(scene) as other:
        log = (await other.data(LOG))["sessionEvents"]["nodes"]
        assert all(node["events"]["nodes"] for node in log)
        for each in made:
            await spoil(scene, each, b"\xc1")
    async with beside(scene) as other:
        nodes = "query N($ids: [ID!]!) { nodes(ids: $ids) { id ... on Session { status title } } }"
        found = (await other.data(nodes, ids=[each["id"] for each in made]))["nodes"]
        assert [(each["id"], each["status"]) for each in found] == [(each["id"], each["status"]) for each in made]
    for each in made:
        await spoil(scene, each, b"\xc1")
    async with beside(scene) as other:
        signatures = (await other.data("{ signatures { totalCount nodes { id session { id } } } }"))["signatures"]
        assert [each["session"]["id"] for each in signatures["nodes"]] == [made[2]["id"]]


async def test_damaged_state_is_shown_by_its_columns_while_its_provider_is_down(scene: Scene) -> None:
    made = [await scene.create("easyink"), await scene.create("seal")]
    await scene.list()
    await spoil(scene, made[0], b"\xc1")
    await scene.stop("easyink")
    async with beside(scene) as other:
        page = (await other.data(LIST, age="PT1H"))["sessions"]
        assert unreadable(page) == [made[0]["key"]]
        [mine] = [node for node in page["nodes"] if node["id"] == made[0]["id"]]
        assert (mine["title"], mine["status"]) == (made[0]["title"], made[0]["status"])
        assert mine["freshness"]["stale"]
        assert len(page["nodes"]) == 2


async def test_a_newer_state_is_read_at_its_provider_and_left_for_the_gateway_that_can_read_it(scene: Scene) -> None:
    made = [await scene.create(kind) for kind in ("signicat", "seal", "easyink")]
    await scene.list()
    for each in made:
        await spoil(scene, each, NEWER)
    async with beside(scene) as older:
        page = (await older.data(LIST, age="PT1H"))["sessions"]
        assert {node["id"]: node["status"] for node in page["nodes"]} == {each["id"]: each["status"] for each in made}
        assert sorted(unreadable(page)) == sorted(each["key"] for each in made)
        await scene.sandboxes["easyink"].sign(made[2]["key"])
        scene.clock.ahead += 5
        assert (await older.read(made[2]["id"]))["status"] == "COMPLETED"
        for each in made:
            await older.read(each["id"])
    assert [await body_of(scene, each) for each in made] == [NEWER] * 3


async def test_creates_go_on_beside_a_gateway_whose_states_are_newer(scene: Scene) -> None:
    before = [await scene.create("easyink", people=1) for _ in range(3)]
    for each in before:
        await spoil(scene, each, NEWER)
    async with beside(scene) as older:
        both = (scene, older)
        made = await asyncio.gather(*(both[n % 2].create("easyink", people=1, idempotencyKey=f"key {n}") for n in range(8)))
        for each in made:
            assert (await older.read(each["id"]))["id"] == each["id"]
            assert (await scene.read(each["id"]))["id"] == each["id"]
        assert len((await older.data(LIST, age="PT0S"))["sessions"]["nodes"]) == 11


async def test_events_and_deliveries_of_a_newer_gateway_are_skipped(scene: Scene) -> None:
    made = await scene.create("easyink", people=1)
    store = await Store.open(scene.settings.database.url)
    async with store.events._engine.begin() as connection:
        await connection.execute(text("UPDATE event SET type = 'TELEPATHY', to_status = 'DREAMT', source = 'ORACLE'"))
    await store.close()
    async with beside(scene) as older:
        log = (await older.data(LOG))["sessionEvents"]["nodes"]
        assert [node["id"] for node in log] == [made["id"]]
        await scene.sandboxes["easyink"].sign(made["key"])
        await older.settle(made)
        log = (await older.data(LOG))["sessionEvents"]["nodes"]
        assert "STATUS_CHANGED" in [event["type"] for event in log[0]["events"]["nodes"]]


WHOLE = """query Q {
  sessions(first: 50) { totalCount nodes { id events(first: 50) { nodes { type } } } sources { provider outcome } }
  webhookDeliveries(first: 50) { nodes { id problem { code } } } leftovers(first: 50) { nodes { id } }
  signatures(first: 50) { totalCount } comparison { providers { provider { name } requests } }
  providers { name credentials { state } sync { openSessions } sessionCounts { toSign } } }"""
DAMAGE = {
    "nothing": b"",
    "no UTF-8": b"\x94\xa1\xff\xa1\xff\xa1\xff\xa1\xff",
    "a member that is no UTF-8": msgspec.msgpack.encode([["easyink", "k"], None]).replace(b"easy", b"ea\xff\xfe"),
    "deep nesting": b"\x91" * 5_000,
    "another thing": msgspec.msgpack.encode({"another": [1, "two"]}),
}
BODIES = [
    column
    for each in tables.metadata.sorted_tables
    for column in each.c
    if isinstance(column.type, LargeBinary) and each is not tables.list_row
]


@pytest.mark.parametrize("body", DAMAGE.values(), ids=DAMAGE)
async def test_damaged_stored_body_leaves_all_others_readable(
    scene: Scene, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Not only sessions are stored encoded: unreadable rows, receipts, sagas, problems, figures and tokens are as well."""
    order = await scene.order("easyink", idempotencyKey="again")
    made = (await scene.done("createSession", **order))["session"]
    kept = [made, await scene.create("seal"), await scene.create("signicat"), await scene.create("persist")]
    await scene.client.post("/webhooks/signicat", content=b"{}")
    before = await scene.data(WHOLE)
    store = await Store.open(scene.settings.database.url)
    saga = Saga(id="open", provider="easyink", marker="m4rk", owner="gone", begun_at=scene.clock.now(), state=SagaState.UNDOING)
    await store.sagas.begin(replace(saga, pivot=b"", result=b""))
    async with store.events._engine.begin() as connection:
        await connection.execute(insert(tables.secret).values(kind="token", key="easyink", body=b""))
        for column in BODIES:
            await connection.execute(update(column.table).values({column.name: body}))
    await store.close()
    async with beside(scene) as other:
        for _ in range(2):
            found = await other.data(WHOLE)
            assert found["sessions"]["totalCount"] == len(kept)
            assert {each["id"] for each in found["sessions"]["nodes"]} == {each["id"] for each in kept}
            assert found["sessions"]["sources"] == before["sessions"]["sources"]
            assert len(found["webhookDeliveries"]["nodes"]) == len(before["webhookDeliveries"]["nodes"])
            assert [each["name"] for each in found["providers"]] == [each["name"] for each in before["providers"]]
        again = await other.mutate("createSession", **order)
        assert [each["code"] for each in again["problems"]] == ["IN_DOUBT"]
    assert not [each for each in caplog.records if each.exc_info]
