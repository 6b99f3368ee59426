"""Bounds of foreign numbers and times, checked before any arithmetic."""

from __future__ import annotations

import json
from email.utils import format_datetime

import pytest
from scene import NOW

from providers.decoding.coercion import MAX_SECONDS, parse_count, parse_instant, parse_seconds

DAY = 86_400_000.0
WAITS = {
    "2592000": 30 * DAY,
    "9" * 12: MAX_SECONDS * 1000,
    "9" * 400: MAX_SECONDS * 1000,
    "9" * 5000: MAX_SECONDS * 1000,
    "0": 0.0,
    "-1": None,
    "1e9": None,
    "\u0661": None,
    "soon": None,
    "Fri, 31 Dec 9999 23:59:59 GMT": MAX_SECONDS * 1000,
    "Fri, 31 Dec 99999 23:59:59 GMT": None,
    "Mon, 01 Jan 0001 00:00:00 GMT": 0.0,
    "Mon, 99 Jan 2026 00:00:00 GMT": None,
}
LISTS = {"/sign/signing-sessions", "/api/signingSessions", "/signatures"}
QUERY = """
query Q($maxAge: Duration) {
  sessions(maxAge: $maxAge) { nodes { key } sources { provider problem { code retryAfterMs } } }
  providers { name health { problem { retryAfterMs } } }
}"""


async def test_retry_after_of_any_size_is_passed_on_beside_other_providers(scene):
    there = {(await scene.create("persist"))["key"], (await scene.create("signicat", people=1))["key"]}
    for value in filter(str.isascii, WAITS):
        await scene.fault("easyink", status=429, headers={"retry-after": value})
        found = await scene.data(QUERY, maxAge=NOW)
        assert {node["key"] for node in found["sessions"]["nodes"]} == there
        [problem] = [each["problem"] for each in found["sessions"]["sources"] if each["provider"] == "easyink"]
        assert (problem["code"], problem["retryAfterMs"]) == ("PROVIDER_BUSY", WAITS[value]), value[:40]
        await scene.heal("easyink")
        scene.clock.ahead += 11


@pytest.mark.parametrize("relayed", [("signicat",)])
async def test_lifetime_of_token_in_any_shape_leaves_provider_readable(scene, relayed):
    lives = ["600", "600.5", 600, -1, 0, None, "soon", True, [], {}, 10**400, "9" * 400, 1e300]
    for life in lives:

        def alter(request, body: bytes, life=life) -> bytes:
            return json.dumps(json.loads(body) | {"expires_in": life}).encode() if "token" in request.url.path else body

        scene.relays["signicat"].alter = alter
        scene.sandboxes["signicat"].tokens.revoke_all()
        scene.clock.ahead += 11
        found = await scene.data(QUERY, maxAge=NOW)
        assert [each["problem"] for each in found["sessions"]["sources"]] == [None] * 4, life


@pytest.mark.parametrize("relayed", [("easyink", "signicat", "persist")])
async def test_wrong_total_of_a_list_ends_the_walk_by_the_rows_that_were_read(scene):
    made = [await scene.create(kind, **given) for kind in ("easyink", "signicat") for given in ({"people": 1},) * 2]
    made += [await scene.save(document=name) for name in ("one", "two")]

    total: object = None

    def alter(request, body: bytes) -> bytes:
        if request.method != "GET" or request.url.path not in LISTS:
            return body
        page = json.loads(body)
        holder = page.get("content", page)
        for name in ("total", "totalItemsCount", "nb_results"):
            if name in holder:
                holder[name] = total
        return json.dumps(page).encode()

    for relay in scene.relays.values():
        relay.alter = alter
    for total in (5_000_000_000, 10**400, 1, 0, -1, "2", None, [], 1.5):
        before = scene.calls()
        scene.clock.ahead += 11
        found = await scene.data(QUERY, maxAge=NOW)
        assert {node["key"] for node in found["sessions"]["nodes"]} == {each["key"] for each in made}, total
        assert [each["problem"] for each in found["sessions"]["sources"]] == [None] * 4, total
        calls = {kind: count - before[kind] for kind, count in scene.calls().items()}
        assert max(calls.values()) < 10, (total, calls)


@pytest.mark.parametrize("relayed", [("easyink", "signicat", "persist")])
async def test_walk_of_an_endless_list_ends_when_its_pages_repeat(scene):
    made = {(await scene.create(kind, people=1))["key"] for kind in ("easyink", "signicat")} | {(await scene.save())["key"]}
    first: dict[str, bytes] = {}

    def alter(request, body: bytes) -> bytes:
        path = request.url.path
        if request.method != "GET" or path not in LISTS:
            return body
        return first.setdefault(path, body.replace(b'"total":1', b'"total":99999').replace(b'Count":1', b'Count":99999'))

    for relay in scene.relays.values():
        relay.alter = alter
    before = scene.calls()
    scene.clock.ahead += 11
    found = await scene.data(QUERY, maxAge=NOW)
    assert {node["key"] for node in found["sessions"]["nodes"]} == made
    assert [each["problem"] for each in found["sessions"]["sources"]] == [None] * 4
    assert max(count - before[kind] for kind, count in scene.calls().items()) < 60


def test_number_is_bounded_before_it_is_converted() -> None:
    assert [parse_count(each) for each in (0, 7, "7", 7.0, 2**31 - 1)] == [0, 7, 7, 7, 2**31 - 1]
    odd = (-1, 2**31, 10**400, "9" * 400, "7x", "", None, True, 1.5, float("nan"), float("inf"), [], "\u0667")
    assert [parse_count(each) for each in odd] == [None] * len(odd)
    assert [parse_seconds(each) for each in ("600", 600, 0.5, " 7 ")] == [600, 600, 0.5, 7]
    assert [parse_seconds(each) for each in (10**400, "9" * 400, float("inf"))] == [MAX_SECONDS] * 3
    odd = (-1, float("nan"), "1e5", "-3", "", None, True, [], "9" * 5001)
    assert [parse_seconds(each) for each in odd] == [None] * len(odd)


def test_time_at_the_edge_of_the_calendar_is_null() -> None:
    odd = (
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "10000-01-01",
        "",
        "x" * 10**6,
        5,
        None,
    )
    assert [parse_instant(each) for each in odd] == [None] * len(odd)
    told = parse_instant("2026-05-01T12:00:00.1234567+02:00")
    assert told is not None
    assert format_datetime(told) == "Fri, 01 May 2026 10:00:00 +0000"
