"""PostgreSQL: the gateway over it, over its restart, and over texts that it refuses."""

from __future__ import annotations

import asyncio
import json
import random
import string

import pytest
from scene import SESSION
from scene import scene as running

from tests.servers import Databases, Postgres

KINDS = ("signicat", "easyink", "seal", "persist")


@pytest.fixture
def changes(postgres):
    return {"database": {"url": postgres}}


async def test_sessions_of_every_provider_are_made_listed_and_read(scene):
    made = {kind: await scene.create(kind) for kind in KINDS}
    listed = await scene.list()
    assert listed["totalCount"] == len(KINDS)
    assert {node["id"] for node in listed["nodes"]} == {each["id"] for each in made.values()}
    assert {source["outcome"] for source in listed["sources"]} == {"FRESH"}
    for kind, session in made.items():
        assert (await scene.read(session["id"]))["title"] == session["title"]
        if kind != "persist":
            await scene.sign(session)
            assert (await scene.settle(session))["status"] == "COMPLETED"


async def test_pages_of_a_list_hold_everything_once(scene):
    made = {(await scene.create("easyink", people=1))["id"] for _ in range(5)}
    found, cursor = [], None
    while True:
        page = await scene.list(first=2, after=cursor)
        found += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        cursor = page["pageInfo"]["endCursor"]
    assert (len(found), set(found)) == (5, made)


@pytest.mark.parametrize("text", ["a\\u0000b", "\\u0001", "long" * 5000], ids=["NUL", "SOH", "long"])
async def test_no_text_of_a_client_fails_in_postgresql(scene, text):
    """A NUL is a character in JSON and GraphQL; PostgreSQL has none."""
    query = """query { sessions(maxAge: "PT1H", filter: {titleContains: "%s", reference: "%s"}) { totalCount } }"""
    assert (await scene.data(query % (text, text)))["sessions"]["totalCount"] == 0


@pytest.mark.servers
async def test_gateway_reconnects_after_postgresql_was_restarted(tmp_path, authority):
    with Postgres() as server:
        async with Databases(server.url).fresh() as url, running(tmp_path, authority, {"database": {"url": url}}) as scene:
            session = await scene.create("seal")
            await asyncio.to_thread(server.kill)
            query = f"query Q($id: ID!) {{ session(id: $id) {{ {SESSION} }} }}"
            reply = await scene.client.post("/graphql", json={"query": query, "variables": {"id": session["id"]}})
            secret = url.split(":")[2].split("@")[0]
            assert secret not in reply.text
            await asyncio.to_thread(server.start)
            assert (await scene.read(session["id"]))["id"] == session["id"]
            await scene.create("seal")


@pytest.mark.parametrize("relayed", [("easyink", "signicat")])
async def test_row_that_the_database_cannot_hold_leaves_the_others(scene):
    made = {(await scene.create(kind, people=1))["key"] for kind in ("easyink", "signicat")}
    letters = "".join(random.Random(1).choices(string.ascii_letters, k=200_000))
    odd = {
        "long": {"id": letters[:6_000]},
        "longer": {"id": letters[-20_000:]},
        "empty": {"id": ""},
        "line": {"id": "a\nb"},
        "nul": {"title": "a\0b", "subject": "a\0b"},
        "title": {"title": letters, "subject": letters},
        "reference": {"externalReference": letters},
    }

    def alter(request, body: bytes) -> bytes:
        name = {"/sign/signing-sessions": "data", "/api/signingSessions": "items"}.get(request.url.path)
        if request.method != "GET" or name is None:
            return body
        page = json.loads(body)
        page[name] += [page[name][0] | {"id": key} | members for key, members in odd.items()]
        return json.dumps(page).encode()

    for relay in scene.relays.values():
        relay.alter = alter
    scene.clock.ahead += 11
    query = """
    query Q($maxAge: Duration) {
      sessions(maxAge: $maxAge, first: 50) { nodes { key } sources { provider outcome unreadable { key reason } } }
    }"""
    found = (await scene.data(query, maxAge="PT0S"))["sessions"]
    assert made <= {node["key"] for node in found["nodes"]}
    assert {each["outcome"] for each in found["sources"]} == {"FRESH"}
    for each in found["sources"]:
        assert len(each["unreadable"]) == (4 if each["provider"] in scene.relays else 0), each
