"""Event cursors: a read followed by a subscription misses no event; pages of the log; resuming before the first event."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scene import Scene

from providers.easyink.sandbox.records import StoredSession
from tests.liveclient import events, live

FOLLOW = "subscription Follow($after: String) { sessionEvents(after: $after) { cursor type to session { id status } } }"
SESSION = "query Q($id: ID!) { session(id: $id) { id status eventCursor } }"
LIST = "{ sessions(first: 50) { eventCursor nodes { id status eventCursor } } }"
LOG = """query Q($filter: SessionEventFilter, $first: Int, $after: String) {
  sessionEvents(filter: $filter, first: $first, after: $after) {
    edges { cursor } nodes { cursor type session { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


async def first_event(scene: Scene, after: str) -> dict[str, Any]:
    async with live(scene.address) as client:
        async for result in client.subscribe(FOLLOW, {"after": after}):
            event: dict[str, Any] = result["data"]["sessionEvents"]
            return event
    raise AssertionError("the subscription ended")


async def cancel(scene: Scene, session: dict[str, Any]) -> None:
    await scene.done("cancelSession", session=session["id"], reason="it was the wrong field")


async def log(scene: Scene, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await scene.data(LOG, **asked))["sessionEvents"]
    return found


async def test_subscription_after_a_list_begins_with_the_first_change_behind_it(scene: Scene) -> None:
    session = await scene.create("easyink")
    cursor = (await scene.data(LIST))["sessions"]["eventCursor"]
    await cancel(scene, session)
    event = await first_event(scene, cursor)
    assert (event["type"], event["to"], event["session"]["id"]) == ("STATUS_CHANGED", "CANCELED", session["id"])


async def test_subscription_after_a_session_begins_with_the_first_change_behind_it(scene: Scene) -> None:
    session = await scene.create("easyink")
    for _ in range(3):  # the same answer is kept as JSON from the second time on
        cursor = (await scene.data(SESSION, id=session["id"]))["session"]["eventCursor"]
    await cancel(scene, session)
    assert (await first_event(scene, cursor))["to"] == "CANCELED"
    later = (await scene.data(SESSION, id=session["id"]))["session"]["eventCursor"]
    assert later != cursor
    other = await scene.create("seal")
    assert (await first_event(scene, later))["session"]["id"] == other["id"]


async def test_cursor_moves_while_the_session_is_answered_from_a_cache(scene: Scene) -> None:
    session = await scene.create("easyink")
    before = [(await scene.data(SESSION, id=session["id"]))["session"] for _ in range(3)]
    await scene.create("seal")
    calls = scene.calls()["easyink"]
    after = (await scene.data(SESSION, id=session["id"]))["session"]
    assert scene.calls()["easyink"] == calls
    assert len({each["eventCursor"] for each in before}) == 1
    assert after["eventCursor"] != before[0]["eventCursor"]
    assert {**after, "eventCursor": None} == {**before[0], "eventCursor": None}


async def test_session_subscription_shows_a_cursor_from_before_each_state(scene: Scene) -> None:
    session = await scene.create("easyink")
    query = "subscription S($id: ID!) { session(id: $id) { status eventCursor } }"
    async with live(scene.address) as client:
        states = client.subscribe(query, {"id": session["id"]})
        first = (await anext(states))["data"]["session"]
        other = await scene.create("seal")
        event = await first_event(scene, first["eventCursor"])
        assert event["session"]["id"] == other["id"]
        await cancel(scene, session)
        assert (await anext(states))["data"]["session"]["status"] == "CANCELED"


async def test_cursor_of_a_mutation_is_followed_by_later_events(scene: Scene) -> None:
    query = "mutation M($input: CreateSessionInput!) { createSession(input: $input) { session { id eventCursor } } }"
    made = (await scene.data(query, input=await scene.order("easyink")))["createSession"]["session"]
    await cancel(scene, made)
    found = await log(scene, after=made["eventCursor"], filter={"sessionIds": [made["id"]]})
    assert found["nodes"][-1]["type"] == "STATUS_CHANGED"


async def test_websocket_subscription_is_resumed_that_was_cut_before_its_first_event(scene: Scene) -> None:
    await scene.create("seal")
    async with live(scene.address, greeted=False) as client:
        await client.say({"type": "connection_init"})
        cursor = (await client.hear())["payload"]["eventCursor"]
        await client.start(FOLLOW)
    session = await scene.create("easyink")
    assert (await first_event(scene, cursor))["session"]["id"] == session["id"]


async def test_subscription_on_an_open_websocket_sends_its_own_cursor_at_once(scene: Scene) -> None:
    async with live(scene.address) as client:
        await scene.create("seal")
        await scene.data(LIST)
        await client.start(FOLLOW)
        async with asyncio.timeout(10):
            told = await client.payloads.get()
    session = await scene.create("easyink")
    assert told["id"] == "1"
    assert (await first_event(scene, told["eventCursor"]))["session"]["id"] == session["id"]


async def test_event_stream_is_resumed_that_was_cut_before_its_first_event(scene: Scene) -> None:
    await scene.create("seal")
    async with events(scene.address, FOLLOW) as stream:
        frame = await anext(stream.frames())
        assert frame.retry is not None
        assert frame.id is not None
    session = await scene.create("easyink")
    async with events(scene.address, FOLLOW, headers={"last-event-id": frame.id}) as stream:
        result = await anext(stream.results())
    assert result["data"]["sessionEvents"]["session"]["id"] == session["id"]


async def test_log_is_read_in_pages_from_its_oldest_event_on(scene: Scene) -> None:
    sessions = [await scene.create("seal") for _ in range(3)]
    told, after, pages = [], None, 0
    while True:
        page = await log(scene, first=2, after=after)
        assert [edge["cursor"] for edge in page["edges"]] == [node["cursor"] for node in page["nodes"]]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        told += [node["session"]["id"] for node in page["nodes"] if node["type"] == "CREATED"]
        after, pages = page["pageInfo"]["endCursor"], pages + 1
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert told == [each["id"] for each in sessions]
    assert pages >= 2


@pytest.mark.parametrize("wanted", [{}, {"providers": ["persist"]}, {"types": ["CORRECTED"]}, {"sessionIds": []}])
async def test_empty_page_of_the_log_has_an_end_cursor(scene: Scene, wanted: dict[str, Any]) -> None:
    empty = await log(scene, filter=wanted)
    assert empty["nodes"] == []
    begun = await scene.create("seal")
    page = await log(scene, filter={"sessionIds": [begun["id"]]})
    behind = await log(scene, filter=wanted, after=page["pageInfo"]["endCursor"])
    assert behind["nodes"] == []
    session = await scene.create("easyink")
    for cursor in (empty["pageInfo"]["endCursor"], behind["pageInfo"]["endCursor"]):
        assert session["id"] in [each["session"]["id"] for each in (await log(scene, after=cursor))["nodes"]]
    assert (await first_event(scene, behind["pageInfo"]["endCursor"]))["session"]["id"] == session["id"]


async def test_page_of_no_events_ends_where_it_began(scene: Scene) -> None:
    session = await scene.create("seal")
    none = await log(scene, first=0)
    assert none["pageInfo"]["hasNextPage"]
    page = await log(scene, first=1, after=none["pageInfo"]["endCursor"])
    assert page["nodes"][0]["session"]["id"] == session["id"]
    again = await log(scene, first=0, after=none["pageInfo"]["endCursor"])
    assert again["pageInfo"]["endCursor"] == none["pageInfo"]["endCursor"]


async def test_log_refuses_a_foreign_cursor_and_an_unbounded_page(scene: Scene) -> None:
    assert (await scene.ask(LOG, after="ZXZlbnQ6OTk5OTk5"))["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"
    for asked in ({"after": "nonsense"}, {"first": -1}, {"first": 1_000_000}):
        assert (await scene.ask(LOG, **asked))["errors"][0]["extensions"]["code"] == "INVALID"


async def test_empty_page_of_one_sessions_events_has_an_end_cursor(scene: Scene) -> None:
    session = await scene.create("easyink")
    part = "{ nodes { type } pageInfo { endCursor } }"
    query = f"query Q($id: ID!, $after: String) {{ session(id: $id) {{ events(after: $after) {part} }} }}"

    async def events_behind(after: str | None) -> dict[str, Any]:
        found: dict[str, Any] = (await scene.data(query, id=session["id"], after=after))["session"]["events"]
        return found

    empty = await events_behind((await events_behind(None))["pageInfo"]["endCursor"])
    assert empty["nodes"] == []
    await cancel(scene, session)
    later = await events_behind(empty["pageInfo"]["endCursor"])
    assert [each["type"] for each in later["nodes"]][-1] == "STATUS_CHANGED"


@pytest.mark.parametrize("relayed", [("easyink",)])
@pytest.mark.parametrize("changes", [{"freshness": {"list_wait": 60, "open": 600, "list": 600}}])
async def test_cursor_of_a_list_is_from_before_its_page_however_long_the_rest_of_it_takes(scene: Scene) -> None:
    other = await scene.create("seal")
    await scene.list()
    easyink: Any = scene.sandboxes["easyink"]
    key = easyink.account.add_session(StoredSession("0000-0001", "By hand", scene.clock.now()))
    held, go_on = asyncio.Event(), asyncio.Event()

    async def instead(request: Any) -> None:
        if request.url.path.endswith(key):
            held.set()
            await go_on.wait()

    scene.relays["easyink"].instead = instead
    asked = asyncio.create_task(scene.data(LIST.replace("first: 50", 'first: 50, maxAge: "PT10S"')))
    scene.clock.ahead += 60
    async with asyncio.timeout(10):
        await held.wait()
    await scene.sign(other)
    await scene.settle(other)
    go_on.set()
    page = (await asked)["sessions"]
    shown = {node["id"]: node for node in page["nodes"]}
    assert len(shown) == 2
    assert shown[other["id"]]["status"] != "COMPLETED", "it was read before it was sealed"
    for cursor in (page["eventCursor"], shown[other["id"]]["eventCursor"]):
        behind = await log(scene, after=cursor, filter={"sessionIds": [other["id"]]})
        assert "STATUS_CHANGED" in [node["type"] for node in behind["nodes"]]
