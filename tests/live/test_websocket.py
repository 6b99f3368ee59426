"""WebSocket transport: graphql-transport-ws, message by message and by close code."""

from __future__ import annotations

import asyncio
import json

import pytest
from theatre import Theatre
from theatre import theatre as playing
from websockets.exceptions import InvalidStatus

from gateway.server.admission import ConnectionLimits
from tests.liveclient import PROTOCOL, Failed, live

SUBSCRIBE = {"type": "subscribe", "id": "1", "payload": {"query": "subscription { idle }"}}
INVALID = {
    "an array": [],
    "null": None,
    "a string": '"connection_init"',
    "a number": 7,
    "no JSON": "{",
    "bytes": b'{"type": "ping"}',
    "nothing": "",
    "no type": {"id": "1"},
    "a type of its own": {"type": "start", "id": "1"},
    "a type that is no string": {"type": 1},
    "a server's message": {"type": "next", "id": "1", "payload": {}},
    "no id": {"type": "subscribe", "payload": {"query": "{ answer }"}},
    "an id that is a number": {"type": "subscribe", "id": 1, "payload": {"query": "{ answer }"}},
    "an id that every event would repeat": {"type": "subscribe", "id": "i" * 501, "payload": {"query": "{ answer }"}},
    "a type that turns the direction": {"type": "a\u202eb\x1b"},
    "no payload": {"type": "subscribe", "id": "1"},
    "no query": {"type": "subscribe", "id": "1", "payload": {}},
    "variables in a list": {"type": "subscribe", "id": "1", "payload": {"query": "{ answer }", "variables": []}},
    "a payload that is no object": {"type": "ping", "payload": "now"},
    "deep nesting": '{"type":"ping","payload":{"a":' + "[" * 100_000,
}


@pytest.mark.parametrize("message", INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("greeted", [True, False])
async def test_an_invalid_message_closes_with_4400(theatre: Theatre, message: object, greeted: bool) -> None:
    async with live(theatre.address, greeted=greeted) as client:
        await client.say(message)
        code, reason = await client.end()
        assert code == 4400
        assert reason.startswith("Invalid message")
        assert reason.isprintable()


async def test_subscribing_before_the_acknowledgement_closes_with_4401(theatre: Theatre) -> None:
    async with live(theatre.address, greeted=False) as client:
        await client.say(SUBSCRIBE)
        assert await client.end() == (4401, "Unauthorized")
    assert not theatre.ledger.begun


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1:1", "file://"])
async def test_page_of_another_site_is_refused_with_403_before_the_upgrade(theatre: Theatre, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with live(theatre.address, greeted=False, origin=origin):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "written",
    [
        "http://elsewhere.example@{}",
        "http://a:b@{}",
        "http://{}/page",
        "http://{}?a",
        "http://{}#a",
        "//{}",
        "ws://{}",
        "http://{}/",
    ],
)
async def test_origin_that_no_browser_writes_is_refused_although_it_names_this_host(theatre: Theatre, written: str) -> None:
    origin = written.format(theatre.address.partition("//")[2])
    with pytest.raises(InvalidStatus) as refused:
        async with live(theatre.address, greeted=False, origin=origin):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", None])
async def test_page_of_the_same_origin_connects(theatre: Theatre, origin: str | None) -> None:
    async with live(theatre.address, origin=origin or theatre.address) as client:
        assert [each async for each in client.subscribe("{ answer }")] == [{"data": {"answer": 42}}]


@pytest.mark.parametrize("protocols", [[], ["graphql-ws"], ["graphql-sse", "soap"]])
async def test_any_other_protocol_closes_with_4406(theatre: Theatre, protocols: list[str]) -> None:
    async with live(theatre.address, greeted=False, protocols=protocols) as client:
        assert client.socket.subprotocol is None
        assert await client.end() == (4406, "Subprotocol not acceptable")


async def test_the_protocol_is_chosen_among_others(theatre: Theatre) -> None:
    async with live(theatre.address, protocols=["graphql-ws", PROTOCOL]) as client:
        assert client.socket.subprotocol == PROTOCOL


async def test_client_without_connection_init_is_closed_with_4408(theatre: Theatre) -> None:
    async with live(theatre.address, greeted=False) as client:
        await client.say({"type": "ping"})
        assert (await client.hear())["type"] == "pong"
        assert await client.end() == (4408, "Connection initialisation timeout")


async def test_an_id_in_use_closes_with_4409(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        await client.start("subscription { idle }")
        await client.next()
        await client.say(SUBSCRIBE)
        assert await client.end() == (4409, "Subscriber for 1 already exists")
    await theatre.until(theatre.ledger.ended, "idle")


async def test_second_connection_init_closes_with_4429(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        await client.say({"type": "connection_init"})
        assert await client.end() == (4429, "Too many initialisation requests")


async def test_a_message_beyond_the_bound_closes_with_1009(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        await client.say({"type": "ping", "payload": {"text": "x" * ConnectionLimits().message_bytes}})
        assert (await client.end())[0] == 1009


async def test_a_ping_is_answered_with_its_payload(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        await client.say({"type": "ping"})
        assert await client.hear() == {"type": "pong"}
        await client.say({"type": "ping", "payload": {"at": 7}})
        assert await client.hear() == {"type": "pong", "payload": {"at": 7}}


async def test_a_subscription_gives_every_event_and_completes(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        found = [each async for each in client.subscribe("subscription($to: Int!) { count(to: $to) }", {"to": 4})]
        assert found == [{"data": {"count": number}} for number in range(4)]


async def test_queries_and_mutations_have_one_result(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        assert [each async for each in client.subscribe("{ answer }")] == [{"data": {"answer": 42}}]
        assert [each async for each in client.subscribe("mutation { add }")] == [{"data": {"add": 1}}]
    assert theatre.ledger.mutations == 1


REFUSALS = {
    "syntax": ("subscription {", "GRAPHQL_VALIDATION_FAILED"),
    "an unknown field": ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
    "two fields": ("subscription { idle count }", "GRAPHQL_VALIDATION_FAILED"),
    "a variable that is missing": ("subscription($to: Int!) { count(to: $to) }", "GRAPHQL_VALIDATION_FAILED"),
    "several operations": ("query A { answer } query B { answer }", "GRAPHQL_VALIDATION_FAILED"),
    "what its resolver raises": ("subscription { refused }", "NOT_FOUND"),
}


@pytest.mark.parametrize(("query", "code"), REFUSALS.values(), ids=REFUSALS)
async def test_request_error_is_an_error_message(theatre: Theatre, query: str, code: str) -> None:
    async with live(theatre.address) as client:
        with pytest.raises(Failed) as failed:
            [each async for each in client.subscribe(query)]
        assert failed.value.args[0][0]["extensions"]["code"] == code
        assert [each async for each in client.subscribe("{ answer }")], "the connection and the id are good still"


async def test_failing_source_is_an_error_after_its_events(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        await client.start("subscription { it: breaks }")
        assert (await client.next())["payload"] == {"data": {"it": 1}}
        last = await client.next()
        assert last["type"] == "error"
        assert last["payload"][0]["message"] == "It is gone."
        assert last["payload"][0]["path"] == ["it"]


async def test_unexpected_failure_of_a_source_is_masked(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        await client.start("subscription { bug }")
        await client.next()
        last = await client.next()
        assert last["payload"][0]["extensions"]["code"] == "INTERNAL"
        assert "secret" not in json.dumps(last)


async def test_an_id_is_free_again_after_either_side_completed(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        for _ in range(3):
            assert len([each async for each in client.subscribe("subscription { count }")]) == 3
        for _ in range(3):
            await client.start("subscription { idle }")
            await client.next()
            await client.stop()
    assert theatre.ledger.ended["idle"] == 3


async def test_complete_closes_the_source_without_a_further_message(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        await client.start("subscription { tick }")
        await client.next()
        await client.stop()
        await client.say({"type": "ping"})
        await client.hear()
        said = client.operations["1"].qsize()
        await asyncio.sleep(0.1)
        assert client.operations["1"].qsize() == said


async def test_complete_of_an_unknown_id_is_ignored(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        await client.stop("nobody")
        assert [each async for each in client.subscribe("{ answer }")]


async def test_disconnect_closes_every_source(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        for number in range(5):
            await client.start("subscription { idle }", key=str(number))
            await client.next(str(number))
        client.socket.transport.abort()
    await theatre.until(theatre.ledger.ended, "idle", 5)
    assert len(theatre.connections) == 0


async def test_operations_share_a_connection(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        await client.start("subscription { idle }", key="a")
        await client.next("a")
        assert len([each async for each in client.subscribe("subscription { count }", key="b")]) == 3


async def test_each_event_has_a_context_of_its_own(theatre: Theatre) -> None:
    async with live(theatre.address) as client:
        query = "subscription { numbered { number context again: context } }"
        found = [each["data"]["numbered"] async for each in client.subscribe(query)]
    assert all(each["context"] == each["again"] for each in found)
    assert [each["number"] for each in found] == [0, 1, 2]


async def test_the_operations_of_a_connection_are_bounded() -> None:
    async with playing(per_connection=2) as theatre, live(theatre.address) as client:
        for key in ("a", "b"):
            await client.start("subscription { idle }", key=key)
            await client.next(key)
        with pytest.raises(Failed) as failed:
            [each async for each in client.subscribe("subscription { count }", key="c")]
        assert failed.value.args[0][0]["extensions"]["code"] == "TOO_LARGE"
        await client.stop("a")
        assert len([each async for each in client.subscribe("subscription { count }", key="c")]) == 3
        assert theatre.ledger.ended["idle"] == 1


async def test_server_pings_at_every_heartbeat_and_keeps_clients_that_answer() -> None:
    async with playing(heartbeat=0.05) as theatre, live(theatre.address) as client:
        await client.start("subscription { idle }")
        await client.next()
        await asyncio.sleep(0.5)
        assert 5 <= client.pings <= 11
        assert [each async for each in client.subscribe("{ answer }", key="2")]


async def test_a_client_that_is_silent_for_three_heartbeats_is_closed() -> None:
    async with playing(heartbeat=0.1) as theatre, live(theatre.address, pongs=False) as client:
        await client.start("subscription { idle }")
        begun = asyncio.get_running_loop().time()
        code, _ = await client.end()
        assert code == 3008
        assert 0.3 <= asyncio.get_running_loop().time() - begun < 1
        await theatre.until(theatre.ledger.ended, "idle")
