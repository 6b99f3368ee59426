"""Documents that are not cached: planned in turn, and cached once they are asked for again."""

from __future__ import annotations

import asyncio
import gc
import json

from liveclient import live
from pulse import beating, post
from scene import Scene

from schema import schema
from schema.execution import Admission, Plan, PlanCache

MOST = 0.06
"""Seconds of processor time that another client may wait: those of the gateway and of the flooding client, in one thread."""


def document(number: int) -> str:
    return f"query Q{number} {{ viewer {{ a{number}: id }} }}"


async def test_other_tasks_run_between_the_stages_of_new_documents() -> None:
    plans, turns = PlanCache(schema), 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    planned = await asyncio.gather(*(plans.plan_in_turn(document(number)) for number in range(50)))
    counting.cancel()
    assert all(isinstance(each, Plan) for each in planned)
    assert turns >= 50 * 3


async def test_new_document_of_a_client_does_not_wait_for_all_those_of_another() -> None:
    plans, planned = PlanCache(schema), list[str]()

    async def plan(client: str, number: int) -> None:
        await plans.plan_in_turn(document(number), client=client)
        planned.append(client)

    await asyncio.gather(*(plan("flooding", number) for number in range(20)), plan("other", 20))
    assert planned.index("other") <= 2


async def test_planning_that_is_cancelled_or_fails_lets_the_next_document_of_that_client_in() -> None:
    plans = PlanCache(schema)
    tasks = [asyncio.create_task(plans.plan_in_turn(document(number))) for number in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[2].cancel()
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert [isinstance(each, Plan) for each in ended] == [False, True, False, True]


async def test_tasks_that_wait_for_the_same_new_document_share_its_plan() -> None:
    plans = PlanCache(schema)
    planned = await asyncio.gather(*(plans.plan_in_turn(document(0)) for _ in range(10)))
    assert len({id(each) for each in planned}) == 1
    assert plans.cached(document(0)) is planned[0]


async def test_a_document_that_is_evicted_while_it_is_planned_weighs_nothing() -> None:
    plans = PlanCache(schema, size=1)
    planning = asyncio.create_task(plans.plan_in_turn(document(0)))
    await asyncio.sleep(0)
    plans.plan(document(1))
    weight = plans.weight
    assert isinstance(await planning, Plan)
    assert (len(plans), plans.weight) == (1, weight)


async def test_a_connection_that_subscribes_by_many_new_documents_holds_nobody_else(scene: Scene) -> None:
    async with beating(scene.address) as pulse, live(scene.address) as client:
        await pulse.reset()
        for number in range(99):
            await client.start(f"subscription S{number} {{ sessionEvents {{ a{number}: cursor }} }}", key=str(number))
        await client.start("{ viewer { id } }", key="last")
        assert (await client.next("last"))["type"] == "next"
    assert pulse.longest < MOST


def test_a_document_is_cached_when_it_is_planned_again() -> None:
    plans = PlanCache(schema, admission=Admission(lambda text: "trusted" in text))
    first = plans.plan(document(0))
    assert isinstance(first, Plan)
    assert plans.cached(document(0)) is None
    assert not first.is_cached
    second = plans.plan(document(0))
    assert plans.cached(document(0)) is second is plans.plan(document(0))
    trusted = plans.plan("query trusted { viewer { id } }")
    assert plans.cached("query trusted { viewer { id } }") is trusted


def test_invalid_documents_are_cached_when_they_are_sent_again() -> None:
    plans = PlanCache(schema, admission=Admission())
    for _ in range(2):
        assert plans.cached("{ nothing }") is None
        assert isinstance(plans.plan("{ nothing }"), list)
    assert isinstance(plans.cached("{ nothing }"), list)


def test_admission_remembers_a_bounded_number_of_documents() -> None:
    admission = Admission()
    for number in range(50_000):
        admission.admits(str(number))
    assert len(admission._seen) + len(admission._seen_before) <= 20_000
    assert admission.admits("49999")


async def test_documents_that_are_sent_once_leave_no_plans(scene: Scene) -> None:
    gc.collect()
    before = plans_alive()
    for number in range(60):
        assert (await post(scene.address, json.dumps({"query": document(number)}).encode()))[0] == 200
    gc.collect()
    assert plans_alive() - before < 10
    for _ in range(4):
        await post(scene.address, json.dumps({"query": document(0)}).encode())
    gc.collect()
    assert plans_alive() - before < 11


def plans_alive() -> int:
    return sum(type(each) is Plan for each in gc.get_objects())
