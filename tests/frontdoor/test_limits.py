"""Limits of operations: measured in linear time, and refused with a clear message."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_introspection_query,
    parse,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import LimitSettings
from providers.errors import Forbidden, TooLarge
from schema import limits as module
from schema import schema
from schema.execution import PlanCache
from schema.limits import Limits, _Survey

CORE = schema._schema
TIGHT = LimitSettings()


def told(text: str, **changes: Any) -> list[GraphQLError]:
    return list(Limits(CORE, LimitSettings(**changes))(parse(text)))


def bomb(levels: int, spreads: int = 2) -> str:
    """Fragments of which each spreads the next several times."""
    links = (f"fragment f{n} on Query {{ {f'...f{n + 1} ' * spreads} }}" for n in range(levels))
    return " ".join(["{ ...f0 }", *links, f"fragment f{levels} on Query {{ viewer {{ id }} }}"])


BEYOND = {
    "depth": "{ session(id: 1) " + "{ documents { session " * 6 + "{ id }" + " } }" * 6 + " }",
    "aliases": "{ viewer { " + " ".join(f"a{n}: id" for n in range(31)) + " } }",
    "root_fields": "{ " + " ".join(f"a{n}: viewer {{ id }}" for n in range(21)) + " }",
    "directives": "{ viewer { " + "id @skip(if: false) " * 51 + " } }",
    "cost": "{ sessions(first: 100) { nodes { documents(first: 100) { signatures { key format } } } } }",
}


@pytest.mark.parametrize("name", BEYOND)
def test_operation_beyond_limit_is_refused_with_the_limit(name: str) -> None:
    errors = [each for each in told(BEYOND[name]) if f"limits.{name}" in each.message]
    assert [type(each.original_error) for each in errors] == [TooLarge]
    assert f"{getattr(TIGHT, name):,}" in errors[0].message
    assert not [each for each in told(BEYOND[name], **{name: 10**6}) if f"limits.{name}" in each.message]


@pytest.mark.parametrize("levels", [10, 20, 60])
def test_multiplying_fragments_are_counted_without_expansion(levels: int) -> None:
    messages = " ".join(each.message for each in told(bomb(levels)))
    assert "limits.root_fields" in messages
    assert f"{2**levels:,} fields at its root" in messages or "more than a billion fields at its root" in messages


def test_document_is_measured_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    plain = _Survey._selection

    def counting(self: _Survey, *given: Any) -> Any:
        looked.append(1)
        return plain(self, *given)

    monkeypatch.setattr(_Survey, "_selection", counting)
    counts = []
    for levels in (20, 40):
        looked.clear()
        told(bomb(levels))
        counts.append(len(looked))
    assert counts[1] <= 2 * counts[0] + 2


def test_cyclic_fragments_are_measured_in_finite_time() -> None:
    assert told("{ ...a } fragment a on Query { viewer { id } ...b } fragment b on Query { ...a }") == []


def test_lexer_stops_at_token_limit() -> None:
    plans = PlanCache(schema, tokens=100)
    [error] = plans.plan("{" + " __typename" * 100_000 + "}")  # type: ignore[misc]
    assert error.extensions == {"code": "TOO_LARGE", "retryable": False}
    assert "limits.tokens" in error.message
    assert "100 tokens" in error.message


@pytest.mark.parametrize("full", [False, True])
def test_introspection_queries_of_tools_are_within_limits(full: bool) -> None:
    text = get_introspection_query(
        specified_by_url=full, directive_is_repeatable=full, schema_description=full, input_value_deprecation=full
    )
    assert told(text) == []
    assert not isinstance(PlanCache(schema, check=Limits(CORE, TIGHT), tokens=TIGHT.tokens).plan(text), list)


def test_nested_introspection_is_bounded() -> None:
    deep = "{ __schema { types " + "{ fields { type " * 15 + "{ name }" + " } }" * 15 + " } }"
    assert "levels deep about the schema" in told(deep)[0].message


def test_disabled_introspection_is_disabled_in_part_too() -> None:
    check = Limits(CORE, TIGHT, introspective=False)
    for text in ("{ __schema { __typename } }", '{ ...a } fragment a on Query { x: __type(name: "Session") { name } }'):
        assert [type(each.original_error) for each in check(parse(text))] == [Forbidden]
    assert check(parse("{ __typename viewer { __typename } }")) == []


def test_names_are_not_suggested_without_introspection() -> None:
    for suggesting in (True, False):
        [error] = PlanCache(schema, suggestions=suggesting).plan("{ viewerr { id } }")  # type: ignore[misc]
        assert ("Did you mean" in error.message) is suggesting
        assert error.message.startswith("Cannot query field 'viewerr' on type 'Query'.")


def test_cost_counts_sizes_of_lists() -> None:
    def cost(text: str) -> int:
        document = parse(text)
        [operation] = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
        return _Survey(CORE, document, 100).operation(operation).cost

    assert cost("{ viewer { id } }") == 2
    assert cost("{ sessions(first: 7) { nodes { id title } } }") == 2 + 7 * 2
    assert cost("query Q($n: Int) { sessions(first: $n) { nodes { id title } } }") == 2 + 100 * 2
    assert cost("{ sessions(last: 3) { edges { node { documents(first: 4) { key } } } } }") == 2 + 3 * (2 + 4)
    spread = "fragment a on Query { sessions(first: 5) { ...b } } fragment b on SessionConnection { nodes { id } }"
    assert cost("{ ...a } " + spread) == 2 + 5
    assert cost("{ sessions(first: 99999999999999) { nodes { id } } }") == 2 + 100
    assert cost('mutation { deleteSession(input: {session: "x"}) { deletedIds } }') == 102


def test_cost_can_be_measured_without_enforcement(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert told(BEYOND["cost"], cost_mode="measure") == []
    assert "limits.cost is 20000" in caplog.text


names = st.sampled_from(["id", "title", "documents", "session", "sessions", "nodes", "edges", "node", "viewer", "__typename"])


@st.composite
def selections(draw: st.DrawFn, depth: int = 3) -> str:
    def one() -> str:
        kind = draw(st.integers(0, 6))
        if kind == 0:
            return f"...f{draw(st.integers(0, 3))}"
        if kind == 1 and depth:
            return f"... on Session {draw(selections(depth=depth - 1))}"
        name = draw(names)
        alias = draw(st.sampled_from(["", "", "a: "]))
        size = draw(st.sampled_from(["", "", "(first: 2)", "(last: 3)", "(first: $n)"]))
        skip = draw(st.sampled_from(["", "", " @skip(if: true)"]))
        return f"{alias}{name}{size}{skip}" + (f" {draw(selections(depth=depth - 1))}" if depth and draw(st.booleans()) else "")

    return "{ " + " ".join(one() for _ in range(draw(st.integers(1, 3)))) + " }"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Documents whose fragments spread later ones only."""
    fragments = []
    for number in range(4):
        text = draw(selections(depth=2))
        for other in range(number + 1):
            text = text.replace(f"...f{other}", "id")
        fragments.append(f"fragment f{number} on {draw(st.sampled_from(['Query', 'Session', 'SessionConnection']))} {text}")
    return " ".join([f"query Q($n: Int) {draw(selections())}", *fragments])


def _expanded(
    selected: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]
) -> Iterator[tuple[FieldNode | None, int]]:
    """Every field of a selection with its fragments written out, and how many directives stand around it."""
    for each in selected.selections:
        own = len(each.directives or ())
        if isinstance(each, FieldNode):
            yield each, own
        else:
            yield None, own
            inner = each.selection_set if isinstance(each, InlineFragmentNode) else fragments[each.name.value].selection_set
            yield from _expanded(inner, fragments)


def _naive(selected: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> tuple[int, int, int, int]:
    depth = fields = aliases = directives = 0
    for node, own in _expanded(selected, fragments):
        directives += own
        if node is None:
            continue
        fields += 1
        below = _naive(node.selection_set, fragments) if node.selection_set else (0, 0, 0, 0)
        depth = max(depth, 1 + below[0])
        aliases += (node.alias is not None) + below[2]
        directives += below[3]
    return depth, fields, aliases, directives


@settings(max_examples=300, deadline=None)
@given(documents())
def test_measure_equals_that_of_expanded_document(text: str) -> None:
    document: DocumentNode = parse(text)
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    found = _Survey(CORE, document, 100).operation(operation)
    assert (found.depth, found.fields, found.aliases, found.directives) == _naive(operation.selection_set, fragments)
    assert found.cost >= found.depth


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("{}()@.:$!abf012 ,[]"), max_size=60))
def test_every_parsable_document_can_be_measured(text: str) -> None:
    try:
        document = parse(text)
    except GraphQLError:
        return
    assert isinstance(list(Limits(CORE, TIGHT)(document)), list)


def test_deepest_parsable_document_is_measured_or_refused() -> None:
    for levels in (500, 5_000, sys.getrecursionlimit() * 20):
        found = PlanCache(schema, check=Limits(CORE, TIGHT)).plan("{ a " * levels + "}" * levels)
        assert isinstance(found, list)
    assert module._INTROSPECTION_DEPTH < 30
