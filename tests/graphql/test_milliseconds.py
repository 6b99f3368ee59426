"""Durations in milliseconds outlast an Int of GraphQL, which ends after 24.8 days."""

from __future__ import annotations

from graphql import GraphQLObjectType, get_named_type

from schema import schema

DAY_SECONDS = 24 * 3600
DAY_MS = DAY_SECONDS * 1000


def test_every_field_of_milliseconds_is_a_float() -> None:
    types = (each for each in schema._schema.type_map.values() if isinstance(each, GraphQLObjectType))
    fields = {f"{each.name}.{name}": field.type for each in types for name, field in each.fields.items() if name.endswith("Ms")}
    assert {"Freshness.ageMs", "Sync.lagMs", "Problem.retryAfterMs", "Latency.p99Ms"} <= set(fields)
    assert {name: get_named_type(kind).name for name, kind in fields.items()} == dict.fromkeys(fields, "Float")


async def test_session_that_was_last_read_forty_days_ago_is_shown(scene) -> None:
    made = await scene.create("signicat")
    scene.clock.ahead += 40 * DAY_SECONDS
    await scene.fault("signicat", status=503)
    shown = await scene.read(made["id"])
    assert shown["freshness"]["stale"] is True
    assert 40 * DAY_MS <= shown["freshness"]["ageMs"] < 41 * DAY_MS


async def test_retry_after_of_a_month_keeps_the_provider_busy_for_a_month(scene) -> None:
    await scene.fault("signicat", status=429, headers={"retry-after": str(30 * DAY_SECONDS)})
    payload = await scene.mutate("createSession", **await scene.order("signicat"))
    [problem] = payload["problems"]
    assert (problem["code"], problem["retryAfterMs"]) == ("PROVIDER_BUSY", 30 * DAY_MS)
