"""State that one client makes the gateway retain, or compute again: bounded in bytes, and computed once."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import tracemalloc
from contextlib import AsyncExitStack

import pytest
from liveclient import live
from pulse import post
from scene import Scene, node_id

from gateway.auth.api_key import digest
from gateway.telemetry.logs import BoundedFormatter
from schema import schema
from schema.execution import Plan, PlanCache

MEGABYTE = 2**20
KEY = "csk_" + "k" * 43


def large(operations: int) -> str:
    """A document of many operations, each of which selects much."""
    fields = " ".join(f"a{n}: id" for n in range(10))
    return " ".join(f"query Q{n} {{ viewer {{ {fields} }} }}" for n in range(operations))


def test_document_is_cached_once_for_all_operation_names() -> None:
    plans, text = PlanCache(schema), large(20)
    for number in range(20):
        found = plans.plan(text, f"Q{number}")
        assert isinstance(found, Plan)
        assert found.document is plans.plan(text, "Q0").document  # type: ignore[union-attr]
    for number in range(1_000):
        plans.plan(text, f"nothing{number}")
    assert len(plans) == 1


def test_plan_cache_is_bounded_by_weight() -> None:
    plans = PlanCache(schema)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(120):
        text = f"{large(20)} # {number}"
        for operation in range(20):
            plans.plan(text, f"Q{operation}")
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert kept < 100 * MEGABYTE
    assert plans.weight <= 50 * MEGABYTE


async def test_undeclared_variables_of_subscription_are_not_retained(scene: Scene) -> None:
    async with live(scene.address) as client:
        message = {"query": "subscription { sessionEvents { cursor } }", "variables": {"x": [[] for _ in range(50_000)]}}
        first = json.dumps({"type": "subscribe", "id": "ID", "payload": message})
        gc.collect()
        tracemalloc.start(1)
        before = tracemalloc.get_traced_memory()[0]
        for number in range(20):
            await client.say(first.replace('"ID"', f'"{number}"'))
        await client.start("{ viewer { id } }", key="last")
        assert (await client.next("last"))["type"] == "next"
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert kept < 10 * MEGABYTE


async def test_variables_of_one_connection_are_bounded_together(scene: Scene) -> None:
    query = "subscription S($f: SessionEventFilter) { sessionEvents(filter: $f) { cursor } }"
    ids = [node_id("Session", "easyink", f"{place:04}{'x' * 120}") for place in range(1_000)]
    async with live(scene.address) as client:
        for number in range(24):
            await client.start(query, {"f": {"sessionIds": ids}}, key=str(number))
        refused = await client.next("23")
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "TOO_LARGE"
        await client.stop("0")
        await client.stop("1")
        await client.start("{ viewer { id } }", key="last")
        assert (await client.next("last"))["type"] == "next"


@pytest.mark.parametrize(
    "changes", [{"authentication": {"keys": [{"name": "key", "sha256": digest(KEY), "scopes": ["sessions:read"]}]}}]
)
async def test_variables_of_one_viewer_are_bounded_over_all_connections(wide: Scene) -> None:
    query = "subscription S($f: SessionEventFilter) { sessionEvents(filter: $f) { cursor } }"
    ids = [node_id("Session", "easyink", f"{place:04}{'x' * 120}") for place in range(1_000)]
    greeting = {"type": "connection_init", "payload": {"Authorization": f"Bearer {KEY}"}}
    body = json.dumps({"query": query, "variables": {"f": {"sessionIds": ids}}}).encode()
    stream = {"authorization": f"Bearer {KEY}", "accept": "text/event-stream"}
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(live(wide.address, greeted=False)) for _ in range(5)]
        for client in clients:
            await client.say(greeting)
            assert (await client.hear())["type"] == "connection_ack"
        for client in clients:
            for number in range(20):
                await client.start(query, {"f": {"sessionIds": ids}}, key=str(number))
        refused = await clients[-1].next("19")
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_REQUESTS"
        assert (await post(wide.address, body, stream))[0] == 429
        for number in range(20):
            await clients[0].stop(str(number))
        await clients[0].start("{ viewer { id } }", key="last")
        assert (await clients[0].next("last"))["type"] == "next"
        assert (await post(wide.address, body, stream))[0] == 200


async def test_missing_session_is_not_requested_again(scene: Scene) -> None:
    query = "query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [node_id("Session", "easyink", f"nobody-{place}") for place in range(20)]
    before = scene.calls()["easyink"]
    for _ in range(10):
        answer = await scene.ask(query, ids=ids)
        assert {each["extensions"]["code"] for each in answer["errors"]} == {"NOT_FOUND"}
    once = len(scene.calls_since("easyink", before)) // len(ids)
    assert once <= 2
    live_ = await scene.ask('query Q($id: ID!) { session(id: $id, maxAge: "PT0S") { id } }', id=ids[0])
    assert live_["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert len(scene.calls_since("easyink", before)) == once * len(ids) + once


async def test_signature_is_verified_once_for_the_same_bytes(scene: Scene) -> None:
    content = await scene.cms()
    await asyncio.gather(*(scene.save(f"document {place}", content=content) for place in range(30)))
    query = "{ signatures(first: 100) { nodes { verification { status checkedAt } } } }"
    checked = [node["verification"]["checkedAt"] for node in (await scene.data(query))["signatures"]["nodes"]]
    assert len(checked) == 30
    assert len(set(checked)) == 1
    again = [node["verification"]["checkedAt"] for node in (await scene.data(query))["signatures"]["nodes"]]
    assert again == checked
    scene.clock.ahead += 3_600
    later = [node["verification"]["checkedAt"] for node in (await scene.data(query))["signatures"]["nodes"]]
    assert set(later).isdisjoint(checked)


def test_long_log_record_is_truncated() -> None:
    record = logging.LogRecord("sqlalchemy", logging.ERROR, __file__, 1, "parameters: %s", ("x" * 1_000_000,), None)
    text = BoundedFormatter("%(name)s %(message)s").format(record)
    assert text.startswith("sqlalchemy parameters: ")
    assert len(text) < 20_000
