"""Differential test: plans give the bytes of graphql-core, in data, errors, their order and their locations."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from random import Random

import pytest
from execution_comparison import Comparison
from execution_documents import documents
from execution_operations import Made, operation
from execution_puzzle import context, puzzle
from execution_world import KEYS
from graphql import OperationDefinitionNode, get_introspection_query, parse, type_from_ast
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes

from schema import schema
from schema.relay import node_id

# graphql-core leaves resolvers unawaited whose siblings have failed; so do the worlds' faults.
pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

OPERATIONS = 5_000
PARTS = 5
PUZZLES = 1_500
FAULTS = (0.03, 0.15)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Logs none of the thousands of failures that are meant, and collects graphql-core's coroutines where they may be left."""
    caplog.set_level(logging.CRITICAL, "countersign.schema")
    yield
    gc.collect()


@pytest.mark.parametrize("part", range(PARTS))
async def test_generated_operations_give_the_bytes_of_graphql_core(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    comparison = Comparison()
    executed = 0
    for seed in range(part, OPERATIONS + OPERATIONS // 25, PARTS):
        text, variables, name = operation(seed, schema._schema)
        for place, faults in enumerate(FAULTS):
            try:
                if not await comparison.holds(text, variables, name, seed + place, faults):
                    break
            except Exception as error:
                error.add_note(f"seed {seed} in world {seed + place} with faults {faults}:\n{text}\n{variables}")
                raise
        else:
            executed += 1
    assert executed >= OPERATIONS // PARTS
    record_property("figure", f"{executed} generated operations, each in {len(FAULTS)} worlds: {_counted(comparison)}")


@pytest.mark.parametrize("part", range(PARTS))
async def test_operations_over_hard_cases_give_the_bytes_of_graphql_core(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    comparison = Comparison(puzzle, context)
    for seed in range(part, PUZZLES, PARTS):
        text, variables, name = operation(seed, puzzle._schema)
        for place, faults in enumerate((0, 0.02, 0.1)):
            try:
                await comparison.holds(text, variables, name, seed + place, faults)
            except Exception as error:
                error.add_note(f"seed {seed} in maze {seed + place} with faults {faults}:\n{text}\n{variables}")
                raise
    record_property("figure", f"{PUZZLES // PARTS} operations over hard cases, each in 3 mazes: {_counted(comparison)}")


_SCALARS = {
    "DateTime": st.just(nodes.String("2026-01-01T00:00:00Z")),
    "Duration": st.sampled_from([nodes.String("PT1M"), nodes.String("P1Y")]),
    "JSON": st.just(nodes.String("x")),
    "Upload": st.just(nodes.String("x")),
}


async def test_operations_of_hypothesis_graphql_give_the_bytes_of_graphql_core(
    record_property: Callable[[str, object], None],
) -> None:
    comparison = Comparison()
    found: list[str] = []

    @settings(max_examples=60, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(from_schema(str(schema), custom_scalars=_SCALARS))
    def generate(text: str) -> None:
        found.append(text)

    generate()
    for seed, text in enumerate(found):
        for faults in (0, *FAULTS):
            await comparison.holds(text, None, None, seed, faults)
    record_property("figure", f"{len(set(found))} operations of hypothesis-graphql: {_counted(comparison)}")


async def test_every_operation_of_the_tests_gives_the_bytes_of_graphql_core(
    record_property: Callable[[str, object], None],
) -> None:
    comparison = Comparison()
    found = documents()
    for place, (text, name) in enumerate(found):
        for seed in range(4):
            await comparison.holds(text, _variables(text, name, seed), name, place + seed, FAULTS[seed % 2] * (seed > 0))
    assert len(found) > 60
    record_property("figure", f"{len(found)} operations of the tests: {_counted(comparison)}")


NULL_CONDITIONS = [
    "query Q($b: Boolean = true) { viewer { id @include(if: $b) scopes } }",
    "query Q($b: Boolean = true) { viewer { id @skip(if: $b) } providers { name } }",
    "query Q($b: Boolean = true) { viewer @include(if: $b) { id } }",
    "query Q($b: Boolean = true) { providers { name capabilities { operation @skip(if: $b) } } }",
    "query Q($b: Boolean = true) { ...F } fragment F on Query { viewer { ... @include(if: $b) { id } } }",
    "query Q($b: Boolean = true, $id: ID!) { node(id: $id) { id ... on Session { title @include(if: $b) } } }",
    "query Q($b: Boolean = true, $c: Boolean = false) { viewer { id @skip(if: $c) scopes @include(if: $b) } }",
]


@pytest.mark.parametrize("text", NULL_CONDITIONS)
async def test_null_condition_fails_the_object_it_stands_in_as_graphql_core_does(text: str) -> None:
    comparison = Comparison()
    for condition in ({"b": None}, {"b": True}, {"b": False}, {}, {"b": None, "c": True}):
        assert await comparison.holds(text, {"id": node_id("Session", "acme", KEYS[0]), **condition}, None, 1, 0)
    assert comparison.counts["failed"]


async def test_introspection_gives_the_bytes_of_graphql_core() -> None:
    comparison = Comparison()
    full = get_introspection_query(input_value_deprecation=True, directive_is_repeatable=True, specified_by_url=True)
    narrow = 'query Q($all: Boolean) { __typename __type(name: "Session") { fields(includeDeprecated: $all) { name } } }'
    for text, variables in (
        (full, None),
        (narrow, {"all": True}),
        (narrow, {}),
        ('{ __type(name: "Nobody") { name } }', None),
    ):
        assert await comparison.holds(text, variables, None, 1, 0)


def _variables(text: str, name: str | None, seed: int) -> dict[str, object]:
    """Variables that fit an operation."""
    made = Made(Random(seed), schema._schema)
    return {
        each.variable.name.value: made.value(type_from_ast(schema._schema, each.type))
        for operation in parse(text).definitions
        if isinstance(operation, OperationDefinitionNode)
        and (name is None or (operation.name and operation.name.value == name))
        for each in operation.variable_definitions or ()
    }


def _counted(comparison: Comparison) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(comparison.counts.items()))
