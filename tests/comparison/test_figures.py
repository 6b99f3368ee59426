"""The figures are those that the sandboxes have counted themselves: over two gateways, and after a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from race import Race
from scene import Scene
from sqlalchemy import select

from gateway.metrics.histogram import RELATIVE_ERROR
from gateway.store import Store, tables
from providers.sandbox.certificate_authority import CertificateAuthority

ERROR, ROUNDING = RELATIVE_ERROR, 0.001
THE_WAY = 250.0
"""Milliseconds that a call may be under way on a busy machine, which its provider does not see."""
READS = 12
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
DELAYS = {"easyink": 10, "persist": 40, "seal": 20, "signicat": 60}


def at_rank(values: list[float], part: float) -> float:
    """The exact quantile, as the sketch defines it."""
    return sorted(values)[int(part * (len(values) - 1))]


async def read(gateway: Scene, session: str, times: int) -> None:
    for _ in range(times):
        await gateway.ask('query Q($id: ID!) { session(id: $id, maxAge: "PT0S") { status } }', id=session)


async def scenario(race: Race) -> dict[str, dict[str, Any]]:
    """Providers of different speed, some of whose calls fail; gives the sessions that were made."""
    one, two = [await race.start(name) for name in ("one", "two")]
    made = {kind: await one.create(kind) for kind in DELAYS}
    for kind, delay in DELAYS.items():
        race.slow(kind, delay)
    race.fail("seal", 3, status=503)
    race.fail("persist", 2, status=429)
    race.fail("easyink", 4, kind="reset")
    race.fail("easyink", 1, kind="html", path="/api/signingSessions/*")
    await asyncio.gather(*(read(each, session["id"], READS) for session in made.values() for each in (one, two)))
    return made


def agree(race: Race, figures: dict[str, dict[str, Any]], *, spoiled: dict[str, int]) -> None:
    for kind in DELAYS:
        calls, told = race.counted(kind), figures[kind]
        failed = [call for call in calls if call.status in {0, 401, 429} or call.status >= 500]
        assert told["requests"] == len(calls), kind
        assert told["failures"] == len(failed) + spoiled.get(kind, 0), kind
        assert told["failureRate"] == pytest.approx(told["failures"] / told["requests"])
        assert told["latency"]["samples"] == len(calls)
        assert sum(each["requests"] for each in told["operations"]) == len(calls)
        theirs, ours = [call.seconds * 1000 for call in calls], [each * 1000 for each in race.seconds[kind]]
        for part, name in ((0.5, "p50Ms"), (0.9, "p90Ms"), (0.99, "p99Ms")):
            exact = at_rank(ours, part)
            assert abs(told["latency"][name] - exact) <= ERROR * exact + ROUNDING, (kind, name)
            least, most = at_rank(theirs, part) * (1 - ERROR), at_rank(theirs, part) * (1 + ERROR) + THE_WAY
            assert least <= told["latency"][name] <= most, (kind, name)


async def test_figures_agree_with_the_sandboxes_over_two_gateways_and_after_a_restart(race: Race) -> None:
    await scenario(race)
    one, two = race.gateways["one"], race.gateways["two"]
    figures = await race.figures(one)
    spoiled = {"easyink": 1}
    agree(race, figures, spoiled=spoiled)
    assert figures["seal"]["failures"] == 3
    assert figures["persist"]["availability"] == 1.0, "a plea for patience is an answer"
    assert figures["easyink"]["availability"] < 1.0
    medians = {kind: figures[kind]["latency"]["p50Ms"] for kind in DELAYS}
    assert all(medians[kind] >= delay * (1 - ERROR) for kind, delay in DELAYS.items())
    assert medians["easyink"] < medians["signicat"]
    assert (await race.figures(two))["seal"]["latency"] == figures["seal"]["latency"]
    await race.stop("one")
    await race.stop("two")
    again = await race.start("three")
    told = await race.figures(again)
    changing = {"from", "to"}
    for kind in DELAYS:
        assert {key: told[kind][key] for key in told[kind].keys() - changing} == {
            key: figures[kind][key] for key in figures[kind].keys() - changing
        }
    agree(race, told, spoiled=spoiled)


@ONE_DATABASE
async def test_a_provider_that_dies_half_way_is_told_apart_from_those_that_live(race: Race) -> None:
    one = await race.start("one")
    made = {kind: await one.create(kind) for kind in ("seal", "easyink")}
    await read(one, made["seal"]["id"], 3)
    before = (await race.figures(one))["seal"]
    assert (before["failures"], before["availability"]) == (0, 1.0)
    await one.stop("seal")
    await asyncio.gather(read(one, made["seal"]["id"], 2), read(one, made["easyink"]["id"], 3))
    told = await race.figures(one)
    dead, alive = told["seal"], told["easyink"]
    reached = len(race.counted("seal"))
    assert dead["requests"] > reached
    assert dead["failures"] == dead["requests"] - reached
    assert dead["availability"] == pytest.approx(reached / dead["requests"])
    assert (alive["requests"], alive["failures"], alive["availability"]) == (len(race.counted("easyink")), 0, 1.0)


async def test_sessions_are_counted_by_what_becomes_of_them(race: Race) -> None:
    one = await race.start("one")
    easyink = [await one.create("easyink") for _ in range(4)]
    await one.create("persist")
    await race.sandboxes["easyink"].sign(easyink[0]["key"])
    await race.sandboxes["easyink"].decline(easyink[1]["key"])
    await one.done("cancelSession", session=easyink[2]["id"], reason="No longer needed")
    for session in easyink:
        await one.read(session["id"])
    told = await race.figures(one)
    sessions = told["easyink"]["sessions"]
    assert [sessions[name] for name in ("created", "completed", "declined", "canceled", "open")] == [4, 1, 1, 1, 1]
    assert sessions["completionRate"] == pytest.approx(1 / 3)
    assert sessions["timeToComplete"]["samples"] == 1
    assert told["easyink"]["statusLag"]["samples"] >= 1
    assert told["persist"]["sessions"]["completed"] == told["persist"]["sessions"]["created"] == 1
    assert told["seal"]["sessions"]["completionRate"] is None
    assert (told["seal"]["failureRate"], told["seal"]["latency"]["p50Ms"]) == (None, None)


@ONE_DATABASE
async def test_calls_are_counted_for_the_operation_that_they_were_made_for(race: Race) -> None:
    one = await race.start("one")
    session = await one.create("easyink")
    made = len(race.counted("easyink"))
    await one.done("cancelSession", session=session["id"], reason="No longer needed")
    (document,) = session["documents"]
    async with httpx.AsyncClient() as client:
        assert (await client.get(document["download"]["url"])).status_code == 200
    told = (await race.figures(one))["easyink"]
    by_operation = {each["operation"]: each["requests"] for each in told["operations"]}
    assert by_operation["CREATE_SESSION"] == made
    assert by_operation["CANCEL_SESSION"] >= 1
    assert by_operation["DOWNLOAD_DOCUMENT"] == 1
    assert sum(by_operation.values()) == told["requests"] == len(race.counted("easyink"))


@ONE_DATABASE
async def test_slices_are_the_window_in_parts(race: Race) -> None:
    one = await race.start("one")
    await one.create("seal")
    asked = """query Q($count: Int!) { provider(name: "seal") { metrics(window: "PT1H") {
      requests from to slices(count: $count) { requests from to slices(count: 2) { requests } }
    } } }"""
    refused = await one.ask(asked, count=4)
    assert refused["errors"][0]["extensions"]["code"] == "INVALID"
    asked = asked.replace("slices(count: 2) { requests }", "")
    metrics = (await one.data(asked, count=4))["provider"]["metrics"]
    slices = metrics["slices"]
    assert [each["requests"] for each in slices] == [0, 0, 0, metrics["requests"]]
    assert (slices[0]["from"], slices[-1]["to"]) == (metrics["from"], metrics["to"])
    assert [each["to"] for each in slices[:-1]] == [each["from"] for each in slices[1:]]
    assert (await one.ask(asked, count=201))["errors"][0]["extensions"]["path"] == ["count"]


@ONE_DATABASE
@pytest.mark.parametrize("window", ["PT0S", "P1Y"])
async def test_a_window_that_nothing_is_known_of_is_refused(race: Race, window: str) -> None:
    one = await race.start("one")
    answer = await one.ask("query Q($w: Duration) { comparison(window: $w) { to } }", w=window)
    assert answer["errors"][0]["extensions"]["path"] == ["window"]
    unknown = await one.ask('{ comparison(providers: ["nowhere"]) { to } }')
    assert unknown["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_nothing_of_anybody_is_kept_with_the_figures(race: Race, authority: CertificateAuthority) -> None:
    one = await race.start("one")
    made = [await one.create(kind) for kind in DELAYS]
    await race.stop("one")
    store = await Store.open(SecretStr(race.database))
    async with store._engine.connect() as connection:
        rows = [row._mapping for row in await connection.execute(select(tables.metric))]
    await store.close()
    kept = b"".join(row["body"] for row in rows)
    told = [each["key"] for each in made]
    told += [value for each in made for person in each["participants"] for value in person.values()]
    assert len(kept) > 100
    assert {row["provider"] for row in rows} == set(DELAYS)
    words = {str(value).encode() for value in told if isinstance(value, str) and len(value) > 8}
    assert not [word for word in words if word in kept]
