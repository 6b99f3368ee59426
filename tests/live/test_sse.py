"""Server-sent events: frames, content negotiation, resuming, and disconnection by either side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from theatre import Theatre
from theatre import theatre as playing

from tests.liveclient import EVENTS, Frame, events

URQL = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
COUNT = "subscription { count(to: 2) }"


@pytest.fixture
async def client(theatre: Theatre) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=theatre.address, timeout=20) as client:
        yield client


async def post(client: httpx.AsyncClient, query: str, accept: str | None, **headers: str) -> httpx.Response:
    given = headers if accept is None else {"accept": accept, **headers}
    return await client.post("/graphql", json={"query": query}, headers=given)


async def test_event_stream_has_the_frames_of_graphql_sse(client: httpx.AsyncClient) -> None:
    reply = await post(client, "subscription { numbered { number } }", "text/event-stream")
    assert reply.content == (
        b"retry: 1000\n\n"
        b'event: next\nid: c0\ndata: {"data":{"numbered":{"number":0}}}\n\n'
        b'event: next\nid: c1\ndata: {"data":{"numbered":{"number":1}}}\n\n'
        b'event: next\nid: c2\ndata: {"data":{"numbered":{"number":2}}}\n\n'
        b"event: complete\ndata:\n\n"
    )
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-accel-buffering"] == "no"


async def test_an_event_without_a_cursor_has_no_id(client: httpx.AsyncClient) -> None:
    assert b"id:" not in (await post(client, COUNT, "text/event-stream")).content


async def test_event_stream_is_served_to_get(client: httpx.AsyncClient) -> None:
    reply = await client.get(
        "/graphql", params={"query": "subscription($to: Int!) { count(to: $to) }", "variables": '{"to": 1}'}, headers=EVENTS
    )
    assert b'data: {"data":{"count":0}}\n' in reply.content


STREAMS, JSON = "text/event-stream; charset=utf-8", "application/json; charset=utf-8"
GRAPHQL = "application/graphql-response+json; charset=utf-8"
ACCEPTS: dict[str, tuple[str | None, str, str]] = {
    "urql asks": (URQL, "{ answer }", GRAPHQL),
    "urql changes": (URQL, "mutation { add }", GRAPHQL),
    "urql subscribes": (URQL, COUNT, STREAMS),
    "anything, query": ("*/*", "{ answer }", JSON),
    "anything, subscription": ("*/*", COUNT, STREAMS),
    "nothing said, query": (None, "{ answer }", JSON),
    "events alone, query": ("text/event-stream", "{ answer }", STREAMS),
    "events alone, mutation": ("text/event-stream", "mutation { add }", STREAMS),
    "events preferred": ("application/json;q=0.5, text/event-stream", "{ answer }", STREAMS),
    "events preferred to anything": ("text/event-stream, */*;q=0.1", "{ answer }", STREAMS),
    "json preferred": ("application/json, text/event-stream;q=0.9", "{ answer }", JSON),
    "json preferred, subscription": ("application/json, text/event-stream;q=0.9", COUNT, STREAMS),
    "any text": ("text/*", COUNT, STREAMS),
    "only the word": ("application/json", "{ subscription: answer }", JSON),
}


@pytest.mark.parametrize(("accept", "query", "kind"), ACCEPTS.values(), ids=ACCEPTS)
async def test_accept_that_prefers_events_gets_an_event_stream(
    client: httpx.AsyncClient, accept: str | None, query: str, kind: str
) -> None:
    reply = await post(client, query, accept)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == kind
    assert ("event: complete" in reply.text) == (kind == STREAMS)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream;q=0, */*", "text/html"])
async def test_subscription_without_accept_of_events_is_406(client: httpx.AsyncClient, accept: str) -> None:
    reply = await post(client, COUNT, accept)
    assert reply.status_code == 406
    assert reply.headers["content-type"] in {JSON, GRAPHQL}


@pytest.mark.parametrize(
    "query",
    [
        "subscription {",
        "subscription { nothing }",
        "subscription { refused }",
        "subscription A { idle } subscription B { idle }",
    ],
)
@pytest.mark.parametrize("accept", ["text/event-stream", URQL])
async def test_request_error_is_json_with_400(client: httpx.AsyncClient, query: str, accept: str) -> None:
    reply = await post(client, query, accept)
    assert reply.status_code == 400
    assert reply.headers["content-type"] in {JSON, GRAPHQL}
    assert reply.json()["errors"][0]["extensions"]["code"] in {"GRAPHQL_VALIDATION_FAILED", "NOT_FOUND"}


async def test_mutation_by_get_is_405(client: httpx.AsyncClient, theatre: Theatre) -> None:
    reply = await client.get("/graphql", params={"query": "mutation { add }"}, headers=EVENTS)
    assert reply.status_code == 405
    assert theatre.ledger.mutations == 0


async def test_failing_source_sends_an_error_and_completes(client: httpx.AsyncClient) -> None:
    reply = await post(client, "subscription { breaks }", "text/event-stream")
    *_, last, end, _ = reply.text.split("\n\n")
    assert '"message":"It is gone."' in last
    assert end == "event: complete\ndata:"


async def last_event(theatre: Theatre, **headers: str) -> list[int]:
    query = 'subscription { numbered(after: "c10") { number } }'
    async with events(
        theatre.address, query, headers={name.replace("_", "-"): value for name, value in headers.items()}
    ) as stream:
        found: list[dict[str, Any]] = [each async for each in stream.results()]
    return [each["data"]["numbered"]["number"] for each in found]


async def test_last_event_id_precedes_the_after_argument(theatre: Theatre) -> None:
    assert await last_event(theatre) == [11, 12, 13]
    assert await last_event(theatre, last_event_id="c41") == [42, 43, 44]


async def test_disconnect_closes_the_source_at_once(theatre: Theatre) -> None:
    async with events(theatre.address, "subscription { idle }") as stream:
        assert await anext(stream.results()) == {"data": {"idle": 0}}
        assert len(theatre.connections) == 1
    await theatre.until(theatre.ledger.ended, "idle")
    assert len(theatre.connections) == 0


async def test_a_heartbeat_is_a_comment() -> None:
    async with playing(heartbeat=0.05) as theatre, events(theatre.address, "subscription { idle }") as stream:
        found: list[Frame] = []
        async with asyncio.timeout(5):
            async for frame in stream.frames():
                found.append(frame)
                if len(found) == 6:
                    break
    assert found[0] == Frame(retry="1000")
    assert found[1].event == "next"
    assert found[2:] == [Frame(comment="")] * 4


async def test_shutdown_sends_retry_without_complete() -> None:
    async with playing() as theatre, events(theatre.address, "subscription { idle }") as stream:
        frames = stream.frames()
        assert [await anext(frames), (await anext(frames)).event] == [Frame(retry="1000"), "next"]
        await theatre.connections.close()
        assert [each async for each in frames] == [Frame(retry="1000")]
        assert theatre.ledger.ended["idle"] == 1
        async with httpx.AsyncClient(base_url=theatre.address) as client:
            assert (await post(client, COUNT, "text/event-stream")).status_code == 503
            assert (await post(client, "{ answer }", None)).status_code == 200
