"""Query plans: bounds of the plan cache and fragment cache, purity, and no task left behind."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import gc
import inspect
import json
import logging
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import strawberry
from execution_fault import NOW
from execution_operations import operation
from execution_world import KEYS, World
from graphql import DocumentNode, GraphQLError

from providers import model
from schema import schema
from schema.execution import Plan, PlanCache, Response, encode
from schema.execution.compiler.resolver_kinds import AttributeResolver
from schema.execution.fragment_cache import is_pure
from schema.relay import node_id
from schema.types.binding import describes, resolved

SESSION = node_id("Session", "acme", KEYS[0])
ASKED: ContextVar[str] = ContextVar("asked", default="nobody")


class Slow:
    """A gateway whose calls last until they are let go; it knows which are on their way."""

    def __init__(self) -> None:
        self.running = 0
        self.ended = 0
        self.go = asyncio.Event()
        self.asked: list[str] = []

    async def session(self, ref: model.SessionRef, max_age: object = None) -> model.Session:
        self.running += 1
        self.asked.append(ASKED.get())
        try:
            if ref.key != "broken":
                await self.go.wait()
                return World(1, 0).session(ref)
            raise RuntimeError("broken")
        finally:
            self.running -= 1
            self.ended += 1

    def context(self) -> Any:
        return SimpleNamespace(signing=SimpleNamespace(queries=self), first=100)


def planned(plans: PlanCache, text: str, name: str | None = None) -> Plan:
    plan = plans.plan(text, name)
    assert isinstance(plan, Plan), plan
    return plan


async def turns(done: Callable[[], bool]) -> None:
    """Lets the loop turn until something has come to pass, a hundred times at most."""
    for _ in range(100):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("never")


def told(answer: Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_document_is_parsed_once_while_it_is_cached() -> None:
    plans = PlanCache(schema, size=2)
    first = plans.plan("{ viewer { id } }")
    assert plans.plan("{ viewer { id } }") is first
    refused = plans.plan("{ nothing }")
    assert plans.plan("{ nothing }") is refused
    plans.plan("{ viewer { subject } }")
    assert len(plans) == 2
    assert plans.plan("{ viewer { id } }") is not first


def test_plan_cache_is_bounded_by_bytes() -> None:
    plans = PlanCache(schema, size=100)
    for number in range(12):
        plans.plan("{ viewer { id } } #" + "x" * 1_000_000 + str(number))
    assert len(plans) <= 4


def test_an_operation_is_found_by_its_name() -> None:
    plans = PlanCache(schema)
    text = 'query A { viewer { id } } mutation B { beginAuthorization(provider: "x") { url } }'
    assert (planned(plans, text, "A").operation_type, planned(plans, text, "B").operation_type) == ("query", "mutation")
    assert [each.message for each in plans.plan(text, "C")] == ["Unknown operation named 'C'."]  # type: ignore[union-attr]
    assert [each.message for each in plans.plan(text)] == ["Name the operation that is meant: there are several."]  # type: ignore[union-attr]


def test_limits_are_checked_before_validation() -> None:
    seen: list[DocumentNode] = []

    def check(document: DocumentNode) -> list[GraphQLError]:
        seen.append(document)
        return [GraphQLError("Too much.")]

    plans = PlanCache(schema, check=check)
    errors = plans.plan("{ nothing }")
    assert isinstance(errors, list)
    assert [(each.message, each.extensions) for each in errors] == [("Too much.", {"code": "GRAPHQL_VALIDATION_FAILED"})]
    plans.plan("{ nothing }")
    assert len(seen) == 1


async def test_synchronous_operation_takes_no_task() -> None:
    plan = planned(PlanCache(schema), "{ viewer { id scopes } providers { name capabilities { operation } } }")
    answering = plan.execute(World(1, 0).context())
    with pytest.raises(StopIteration) as ended:
        answering.send(None)
    assert told(ended.value.value)["data"]["viewer"]["id"]


async def test_a_failed_field_leaves_its_sibling_alone() -> None:
    slow = Slow()
    plan = planned(PlanCache(schema), "query Q($a: ID!, $b: ID!) { a: session(id: $a) { id } b: session(id: $b) { id } }")
    asked = {"a": SESSION, "b": node_id("Session", "acme", "broken")}
    answering = asyncio.create_task(plan.execute(slow.context(), asked))
    await turns(lambda: slow.ended == 1)
    assert slow.running == 1
    slow.go.set()
    answer = told(await answering)
    assert answer["data"] == {"a": {"id": SESSION}, "b": None}
    assert slow.running == 0


async def test_canceled_request_leaves_no_task() -> None:
    slow = Slow()
    plan = planned(PlanCache(schema), "query Q($id: ID!) { a: session(id: $id) { id } b: session(id: $id) { id } }")
    answering = asyncio.create_task(plan.execute(slow.context(), {"id": SESSION}))
    await turns(lambda: slow.running == 2)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    assert slow.running == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_failed_operations_leave_no_task(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "countersign.schema")
    plans = PlanCache(schema, size=10)
    for seed in range(300):
        text, variables, name = operation(seed, schema._schema)
        plan = plans.plan(text, name)
        if isinstance(plan, Plan) and plan.operation_type != "subscription":
            with suppress(TypeError):  # a value of JSON that is none
                await plan.execute(World(seed, 0.2).context(), variables)
            assert asyncio.all_tasks() == {asyncio.current_task()}


@strawberry.input
class Wish:
    names: list[str]
    inner: Wish | None = None


def take(info: strawberry.Info, wish: Wish, more: list[list[int]]) -> str:
    taken = repr((wish.names, wish.inner and wish.inner.names, more))
    for each in (wish.names, *more):
        each.clear()
    wish.inner = None
    return taken


@strawberry.type
class Greedy:
    granted: str = strawberry.field(resolver=take)


async def test_mutable_argument_is_copied_for_each_call() -> None:
    plan = planned(
        PlanCache(strawberry.Schema(Greedy)), '{ granted(wish: {names: ["a"], inner: {names: ["b"]}}, more: [[1], []]) }'
    )
    for _ in range(3):
        answer = told(await plan.execute(None))
        assert answer == {"data": {"granted": "(['a'], ['b'], [[1], []])"}}


async def test_context_variables_of_a_request_reach_its_resolvers() -> None:
    slow = Slow()
    slow.go.set()
    ASKED.set("Ada")
    plan = planned(PlanCache(schema), "query Q($id: ID!) { a: session(id: $id) { id } b: session(id: $id) { id } }")
    await plan.execute(slow.context(), {"id": SESSION})
    assert slow.asked == ["Ada", "Ada"]


async def test_variables_of_a_wrong_type_are_a_request_error() -> None:
    plan = planned(PlanCache(schema), "query Q($id: ID!) { session(id: $id) { id } }")
    answer = await plan.execute(World(1, 0).context(), {"id": None})
    assert not answer.executed
    assert told(answer)["data"] is None
    assert told(answer)["errors"][0]["message"].startswith("Variable '$id' has invalid value")


async def test_numbers_beyond_64_bits_are_encoded() -> None:
    plan = planned(PlanCache(schema), "query Q($id: ID!) { session(id: $id) { native createdAt } }")
    queries = SimpleNamespace(session=_with(b'{"number": 123456789012345678901234567890}'), native=lambda found: found.native)
    context: Any = SimpleNamespace(signing=SimpleNamespace(queries=queries), first=1)
    answer = await plan.execute(context, {"id": SESSION})
    assert told(answer)["data"]["session"] == {
        "native": {"number": 123456789012345678901234567890},
        "createdAt": "2026-05-01T12:00:00Z",
    }


def _with(native: bytes) -> Any:
    async def session(ref: model.SessionRef, max_age: object) -> model.Session:
        return World(1, 0).made(model.Session, provider=ref.provider, key=ref.key, native=native, created_at=NOW)

    return session


async def test_introspection_is_executed_once() -> None:
    plans = PlanCache(schema)
    plan = planned(plans, '{ __type(name: "Session") { name kind } __typename }')
    first = await plan.execute(World(1, 0).context())
    assert told(first)["data"] == {"__type": {"name": "Session", "kind": "OBJECT"}, "__typename": "Query"}
    assert await plan.execute(World(1, 0).context()) is first
    both = planned(plans, "{ __typename viewer { id } }")
    assert await both.execute(World(1, 0).context()) is not await both.execute(World(1, 0).context())


def test_resolvers_read_only_the_context_of_their_info() -> None:
    """Which is all that a plan gives it."""
    folder = Path(inspect.getfile(type(schema))).parent
    for path in [*folder.glob("*.py"), *(folder / "types").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "info":
                assert node.attr == "context", f"{path.name}:{node.lineno}"


LISTED = (
    f'{{ session(id: "{SESSION}") {{ id title status documents(roles: [TO_SIGN]) {{ key role }} participants {{ email }} }} }}'
)


async def shown(plans: PlanCache, context: Any, text: str = LISTED) -> bytes:
    return (await planned(plans, text).execute(context)).body


async def test_fragment_is_cached_while_its_object_is_held() -> None:
    plans, world = PlanCache(schema), World(2, 0)
    first = await shown(plans, world.context())
    assert [await shown(plans, world.context()) for _ in range(3)] == [first] * 3
    assert len(plans.fragment_cache) == 1
    assert await shown(plans, World(2, 0).context()) == first
    del world
    gc.collect()
    assert len(plans.fragment_cache) == 0


async def test_repeated_page_is_cached_as_one_fragment_while_it_is_held() -> None:
    plans, world, text = PlanCache(schema), World(2, 0), "{ sessions(first: 3) { nodes { id title } } }"
    world.pages = {}
    first = await shown(plans, world.context(), text)
    assert [await shown(plans, world.context(), text) for _ in range(5)] == [first] * 5
    nodes = json.dumps(json.loads(first)["data"]["sessions"]["nodes"], separators=(",", ":"), ensure_ascii=False).encode()
    each = len(nodes) - len("[,,]")
    assert (len(plans.fragment_cache), plans.fragment_cache._bytes_written) == (4, each + len(nodes))  # type: ignore[attr-defined]
    world.pages.clear()
    gc.collect()
    assert len(plans.fragment_cache) == 3
    assert await shown(plans, world.context(), text) == first


async def test_new_state_of_a_session_is_not_answered_from_the_fragment_cache() -> None:
    plans, world = PlanCache(schema), World(2, 0)
    [first] = {await shown(plans, world.context()) for _ in range(3)}
    ref = model.SessionRef("acme", KEYS[0])
    world._sessions[ref] = dataclasses.replace(world.session(ref), title="Another")
    [second] = {await shown(plans, world.context()) for _ in range(3)}
    assert json.loads(second)["data"]["session"]["title"] == "Another"
    assert json.loads(second)["data"]["session"]["id"] == json.loads(first)["data"]["session"]["id"]


async def test_fragment_is_shared_by_sightings_of_the_same_state() -> None:
    plans, world = PlanCache(schema), World(2, 0)
    ref = model.SessionRef("acme", KEYS[0])
    seen = LISTED.replace("title", "title freshness { asOf }")
    whole, dated = set(), []
    for day in range(1, 6):
        at = NOW.replace(day=day)
        world._sessions[ref] = world.session(ref).with_observation(at, model.ChangeSource.READ)
        whole.add(await shown(plans, world.context()))
        dated.append(json.loads(await shown(plans, world.context(), seen))["data"]["session"]["freshness"]["asOf"])
    assert len(whole) == 1
    assert dated == [f"2026-05-0{day}T12:00:00Z" for day in range(1, 6)]
    assert plans.fragment_cache._bytes_written == len(
        json.dumps(json.loads(whole.pop())["data"]["session"], separators=(",", ":"))
    )  # type: ignore[attr-defined]


def test_observation_fields_are_impure() -> None:
    definition = schema._schema.get_type("Session").fields["title"]  # type: ignore[union-attr]

    def leaf(name: str) -> Any:
        return SimpleNamespace(definition=definition, kind=AttributeResolver(name))

    assert is_pure(model.Session, leaf("title"), set())
    for name in ("observed_at", "source", "stale"):
        assert not is_pure(model.Session, leaf(name), set())


def test_content_identity_is_shared_by_sightings_of_the_same_state_only() -> None:
    first = World(1, 0).session(model.SessionRef("acme", KEYS[0]))
    lasting = first.content_identity
    assert first.with_observation(NOW, model.ChangeSource.READ).content_identity is lasting
    for changed in ({"title": "Another"}, {"stale": True}):
        assert dataclasses.replace(first, **changed).content_identity is not lasting


@pytest.mark.parametrize("changing", ["freshness { ageMs }", "actions", "provider { name }", "native"])
async def test_impure_fields_are_resolved_each_time(changing: str) -> None:
    plans, world = PlanCache(schema), World(2, 0)
    for _ in range(3):
        await shown(plans, world.context(), LISTED.replace("title", f"title {changing}"))
    assert len(plans.fragment_cache) == 0


async def test_fragment_cache_is_bounded_by_bytes() -> None:
    plans, world = PlanCache(schema), World(2, 0)
    plans.fragment_cache._max_bytes = 400  # type: ignore[attr-defined]
    written = []
    for _ in range(4):
        for key in KEYS:
            await shown(plans, world.context(), LISTED.replace(SESSION, node_id("Session", "acme", key)))
            written.append(plans.fragment_cache._bytes_written)  # type: ignore[attr-defined]
    assert 0 < max(written) <= 400
    assert written != sorted(written), "never forgotten"


async def test_fragments_take_little_more_memory_than_their_bytes() -> None:
    plans, world = PlanCache(schema), World(2, 0)
    texts = [LISTED.replace("title", f"a{number}: title") for number in range(100)]
    for text in texts:
        await shown(plans, world.context(), text)
    tracemalloc.start()
    try:
        for text in texts:
            await shown(plans, world.context(), text)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plans.fragment_cache) == len(texts)
    assert held < 2_000 * len(texts)


async def test_fragment_beside_a_number_beyond_64_bits_is_encoded() -> None:
    assert json.loads(encode({"a": orjson.Fragment(b"[1]"), "b": 2**70})) == {"a": [1], "b": 2**70}


@dataclasses.dataclass(frozen=True)
class Meter:
    """A frozen value of which one member changes nevertheless: ``readings`` counts how often it was read."""

    readings: list[int]
    label: str = "kitchen"

    @property
    def reading(self) -> int:
        self.readings.append(1)
        return len(self.readings)


def _count_reading(root: strawberry.Parent[Meter]) -> int:
    return root.reading


def _label(root: strawberry.Parent[Meter]) -> str:
    _labels.append(root.label)
    return root.label


_labels: list[str] = []


@strawberry.type(name="Meter")
@describes(Meter)
class MeterType:
    label: str
    pure_label: str = resolved(_label, pure=True)
    counted: int = resolved(_count_reading)
    reading: int


def _meter(root: object, info: strawberry.Info) -> Meter:
    meter: Meter = info.context
    return meter


@strawberry.type
class Meters:
    meter: MeterType = resolved(_meter)


@pytest.mark.parametrize("field", ["counted", "reading"])
async def test_resolver_or_property_not_declared_pure_is_called_every_time(field: str) -> None:
    plans, meter = PlanCache(strawberry.Schema(Meters)), Meter([])
    read = [told(await planned(plans, f"{{ meter {{ label {field} }} }}").execute(meter)) for _ in range(5)]
    assert [each["data"]["meter"][field] for each in read] == [1, 2, 3, 4, 5]
    assert len(plans.fragment_cache) == 0


async def test_pure_resolver_and_plain_attribute_of_frozen_value_are_cached() -> None:
    plans, meter = PlanCache(strawberry.Schema(Meters)), Meter([])
    _labels.clear()
    for _ in range(5):
        answer = told(await planned(plans, "{ meter { label pureLabel } }").execute(meter))
        assert answer == {"data": {"meter": {"label": "kitchen", "pureLabel": "kitchen"}}}
    assert len(plans.fragment_cache) == 1
    assert len(_labels) == 2, "once to be seen, once to be cached"


def test_pure_resolver_takes_no_info_and_does_not_await() -> None:
    async def late() -> int:
        return 1

    for impure in (_meter, late):
        with pytest.raises(TypeError, match="pure"):
            resolved(impure, pure=True)
