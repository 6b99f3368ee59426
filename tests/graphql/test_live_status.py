"""Subscriptions of sessions and events: current state first, every change after it, resumed without loss."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta

import pytest
from scene import Scene, node_id

from gateway.store import Store
from tests.liveclient import Failed, events, live

SESSION = "subscription S($id: ID!) { session(id: $id) { id status final participants { status } events { nodes { type } } } }"
EVENTS = """subscription E($filter: SessionEventFilter, $after: String) {
  sessionEvents(filter: $filter, after: $after) {
    id cursor type from to source providerStatus observedAt session { id status } participant { status } signature { format }
  }
}"""
LOG = """query L($id: ID!, $first: Int, $after: String) { session(id: $id) { events(first: $first, after: $after) {
  nodes { id cursor type } edges { cursor node { id } } pageInfo { hasNextPage endCursor }
} } }"""


async def took(results, count: int) -> list[dict]:
    """The next results of a subscription."""
    async with asyncio.timeout(20):
        return [await anext(results) for _ in range(count)]


async def test_session_subscription_sends_the_state_then_every_change_until_it_is_final(scene: Scene) -> None:
    made = await scene.create("easyink", people=2)
    async with live(scene.address) as client, aclosing(client.subscribe(SESSION, {"id": made["id"]})) as shown:
        [first] = await took(shown, 1)
        assert first["data"]["session"]["status"] == "PENDING"
        await scene.sandboxes["easyink"].sign(made["key"], 0)
        await scene.read(made["id"])
        [second] = await took(shown, 1)
        assert second["data"]["session"]["status"] == "IN_PROGRESS"
        assert sorted(each["status"] for each in second["data"]["session"]["participants"]) == ["INVITED", "SIGNED"]
        assert [each["type"] for each in second["data"]["session"]["events"]["nodes"]][:2] == ["CREATED", "STATUS_CHANGED"]
        await scene.done("cancelSession", session=made["id"], reason="Enough")
        rest = [each["data"]["session"] async for each in shown]
    assert rest[-1]["final"]
    assert rest[-1]["status"] == "CANCELED"


async def test_session_subscription_of_a_final_session_sends_one_state(scene: Scene) -> None:
    made = await scene.create("easyink")
    await scene.done("cancelSession", session=made["id"], reason="Enough")
    async with live(scene.address) as client:
        shown = [each["data"]["session"]["status"] async for each in client.subscribe(SESSION, {"id": made["id"]})]
    assert shown == ["CANCELED"]


@pytest.mark.parametrize(("given", "code"), [(node_id("Session", "seal", "none"), "NOT_FOUND"), ("nonsense", "INVALID")])
async def test_session_subscription_of_an_unknown_session_is_refused(scene: Scene, given: str, code: str) -> None:
    async with live(scene.address) as client:
        with pytest.raises(Failed) as caught:
            await took(client.subscribe(SESSION, {"id": given}), 1)
    [error] = caught.value.args[0]
    assert error["extensions"]["code"] == code


async def test_resume_after_cursor_loses_no_event(scene: Scene) -> None:
    async with live(scene.address) as client, aclosing(client.subscribe(EVENTS, {})) as told:
        begun = asyncio.create_task(took(told, 1))
        await asyncio.sleep(0.2)
        made = await scene.create("easyink", people=1)
        [created] = [each["data"]["sessionEvents"] for each in await begun]
        assert (created["type"], created["to"], created["source"]) == ("CREATED", "PENDING", "MUTATION")
        assert created["session"] == {"id": made["id"], "status": "PENDING"}
        await scene.sandboxes["easyink"].sign(made["key"])
        await scene.settle(made)
        [changed] = [each["data"]["sessionEvents"] for each in await took(told, 1)]
        assert (changed["type"], changed["from"], changed["to"], changed["source"]) == (
            "STATUS_CHANGED", "PENDING", "COMPLETED", "READ",
        )  # fmt: skip
        assert changed["session"]["status"] == "COMPLETED", "what is shown beside an event is never older than it"
    whole = (await scene.data(LOG, id=made["id"]))["session"]["events"]
    assert [each["type"] for each in whole["nodes"]][:3] == ["CREATED", "STATUS_CHANGED", "PARTICIPANT_CHANGED"]
    assert {"DOCUMENT_CHANGED", "SIGNATURE_ADDED"} <= {each["type"] for each in whole["nodes"]}
    for after in range(len(whole["nodes"]) - 1):
        cursor, rest = whole["nodes"][after]["cursor"], whole["nodes"][after + 1 :]
        async with live(scene.address) as client:
            results = await took(client.subscribe(EVENTS, {"after": cursor}), len(rest))
        assert [each["data"]["sessionEvents"]["cursor"] for each in results] == [each["cursor"] for each in rest]


async def test_events_of_a_session_are_paged(scene: Scene) -> None:
    made = await scene.create("easyink", people=2)
    await scene.sign(made)
    await scene.settle(made)
    await scene.create("seal")
    whole = (await scene.data(LOG, id=made["id"], first=100))["session"]["events"]["nodes"]
    found, after, more = [], None, True
    while more:
        page = (await scene.data(LOG, id=made["id"], first=2, after=after))["session"]["events"]
        assert [edge["cursor"] for edge in page["edges"]] == [node["cursor"] for node in page["nodes"]]
        found += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert found == whole
    node = "query N($id: ID!) { node(id: $id) { id ... on SessionEvent { cursor type } } }"
    assert [(await scene.data(node, id=each["id"]))["node"] for each in whole] == whole


async def test_cursor_behind_the_retention_is_expired(scene: Scene) -> None:
    made = [await scene.create("seal") for _ in range(3)]
    first = (await scene.data(LOG, id=made[0]["id"]))["session"]["events"]["nodes"][0]["cursor"]
    another_gateway = await Store.open(scene.settings.database.url)
    await another_gateway.events.trim(scene.clock.now() - timedelta(days=1), most=1)
    await another_gateway.close()
    answer = await scene.ask(LOG, id=made[0]["id"], after=first)
    assert answer["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"
    async with live(scene.address) as client:
        with pytest.raises(Failed) as caught:
            await took(client.subscribe(EVENTS, {"after": first}), 1)
    [error] = caught.value.args[0]
    assert error["extensions"]["code"] == "CURSOR_EXPIRED"
    assert "Read the sessions again" in error["message"]


async def test_event_filter_selects_only_what_it_names(scene: Scene) -> None:
    mine = await scene.create("easyink", people=1)
    wanted = {"sessionIds": [mine["id"]], "types": ["STATUS_CHANGED"], "toStatuses": ["CANCELED"], "providers": ["easyink"]}
    async with live(scene.address) as client, aclosing(client.subscribe(EVENTS, {"filter": wanted})) as told:
        begun = asyncio.create_task(took(told, 1))
        await asyncio.sleep(0.2)
        other = await scene.create("easyink", people=1)
        for session in (other, mine):
            await scene.done("cancelSession", session=session["id"], reason="Enough")
        [event] = [each["data"]["sessionEvents"] for each in await begun]
    assert (event["session"]["id"], event["to"]) == (mine["id"], "CANCELED")


@pytest.mark.parametrize(
    ("wanted", "code", "path"),
    [
        ({"providers": ["docusign"]}, "NOT_FOUND", ["filter", "providers"]),
        ({"sessionIds": ["nonsense"]}, "INVALID", ["filter", "sessionIds", "0"]),
    ],
)
async def test_event_filter_with_too_many_or_foreign_ids_is_refused(
    scene: Scene, wanted: dict, code: str, path: list[str]
) -> None:
    async with live(scene.address) as client:
        with pytest.raises(Failed) as caught:
            await took(client.subscribe(EVENTS, {"filter": wanted}), 1)
    [error] = caught.value.args[0]
    assert (error["extensions"]["code"], error["extensions"]["path"]) == (code, path)


async def test_event_stream_resumes_after_last_event_id(scene: Scene) -> None:
    for _ in range(3):
        await scene.create("seal", start=False)
    beginning = "ZXZlbnQ6MA"
    async with events(scene.address, EVENTS, {"after": beginning}) as stream, aclosing(stream.results()) as told:
        seen = [each["data"]["sessionEvents"]["cursor"] for each in await took(told, 2)]
        last = stream.last
    assert last == seen[-1]
    behind = {"last-event-id": last}
    async with (
        events(scene.address, EVENTS, {"after": beginning}, headers=behind) as stream,
        aclosing(stream.results()) as told,
    ):
        [third] = [each["data"]["sessionEvents"]["cursor"] for each in await took(told, 1)]
    assert third not in seen
