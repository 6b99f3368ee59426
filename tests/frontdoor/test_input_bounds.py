"""Input bounds: every input of the schema at its bound and one past it, while another client is answered in time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)
from pulse import MOST, beating, post
from scene import Scene

from schema import schema
from schema.authorization import USE_CASES
from schema.execution.validation.input_bounds import InputBound, JsonBound, ListBound, NumberBound, ObjectBound, TextBound
from schema.inputs.bounds import Unbounded, input_bounds

CORE: GraphQLSchema = schema._schema
BOUNDS = input_bounds(CORE)
EPOCH = "2026-05-01T12:00:00Z"


@dataclass(frozen=True)
class Field:
    """A field with arguments, and the way from the root to it."""

    operation: str
    way: tuple[tuple[str, GraphQLField], ...]
    owner: str

    @property
    def coordinate(self) -> str:
        return f"{self.owner}.{self.way[-1][0]}"

    def text(self, argument: str, type_: Any) -> str:
        """The operation that gives this argument as a variable, and whatever must be given besides."""
        inner = self._selection(self.way[-1][1].type)
        for place, (name, field) in reversed(list(enumerate(self.way))):
            last = place == len(self.way) - 1
            given = {
                each: f"${argument}" if last and each == argument else literal(one.type)
                for each, one in field.args.items()
                if is_required_argument(one) or (last and each == argument)
            }
            arguments = f"({', '.join(f'{each}: {value}' for each, value in given.items())})" if given else ""
            inner = f"{{ {name}{arguments} {inner} }}"
        return f"{self.operation} Q(${argument}: {type_}) {inner}"

    def _selection(self, type_: Any) -> str:
        named = get_named_type(type_)
        if is_leaf_type(named):
            return ""
        if "problems" in getattr(named, "fields", ()):
            return "{ problems { code path message } }"
        return "{ __typename }"


def minimal(type_: Any) -> Any:
    """The least that a type wants."""
    inner = type_.of_type if is_non_null_type(type_) else type_
    if is_list_type(inner):
        return []
    if isinstance(inner, GraphQLInputObjectType):
        return {name: minimal(each.type) for name, each in inner.fields.items() if is_required_input_field(each)}
    if isinstance(inner, GraphQLEnumType):
        return next(iter(inner.values))
    return {"Int": 1, "Float": 1.0, "Boolean": True, "DateTime": EPOCH, "Duration": "P1D", "Upload": None}.get(inner.name, "x")


def literal(type_: Any) -> str:
    value = minimal(type_)
    assert not isinstance(value, dict), "an argument on the way to another is not an object"
    enum = isinstance(get_named_type(type_), GraphQLEnumType)
    return str(value) if enum else json.dumps(value)


def fields() -> Iterator[Field]:
    """Every field with arguments that can be reached, by the shortest way."""
    seen: set[str] = set()
    level: list[tuple[str, tuple[tuple[str, GraphQLField], ...], Any]] = [
        ("query", (), CORE.query_type),
        ("mutation", (), CORE.mutation_type),
        ("subscription", (), CORE.subscription_type),
    ]
    while level:
        below = []
        for operation, way, type_ in level:
            if type_.name in seen or type_.name.startswith("__"):
                continue
            seen.add(type_.name)
            for name, field in type_.fields.items():
                there = (*way, (name, field))
                if field.args:
                    yield Field(operation, there, type_.name)
                inner = get_named_type(field.type)
                simple = not any(
                    isinstance(get_named_type(each.type), GraphQLInputObjectType)
                    for each in field.args.values()
                    if is_required_argument(each)
                )
                if isinstance(inner, GraphQLObjectType) and simple:
                    below.append((operation, there, inner))
        level = below


def largest(bound: InputBound, type_: Any, past: int) -> Any:
    """A value at its bound, or one past it; None for what has no size."""
    inner = type_.of_type if is_non_null_type(type_) else type_
    if isinstance(bound, ListBound):
        return [minimal(inner.of_type)] * (bound.most + past)
    if isinstance(bound, JsonBound):
        return {"k": "x" * (bound.characters - 1 + past)}
    if isinstance(bound, NumberBound):
        return 2**63 - 1 + past
    if isinstance(bound, TextBound) and not isinstance(inner, GraphQLEnumType) and inner.name not in {"Boolean", "Upload"}:
        return "x" * (bound.most + past)
    return None


def cases(bound: InputBound, type_: Any, seen: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Where a value stands in an input, with the whole input at its bound and past it."""
    inner = type_.of_type if is_non_null_type(type_) else type_
    pair = (largest(bound, inner, 0), largest(bound, inner, 1))
    if pair[1] is not None:
        yield (), *pair
    if isinstance(bound, ListBound):
        for path, at, past in cases(bound.item, inner.of_type, seen):
            yield ("0", *path), [at], [past]
    elif isinstance(bound, ObjectBound) and inner.name not in seen:
        least = minimal(inner)
        for name, each in inner.fields.items():
            for path, at, past in cases(bound.fields[name], each.type, (*seen, inner.name)):
                yield (name, *path), least | {name: at}, least | {name: past}


def refusals(answer: dict[str, Any]) -> list[tuple[str, list[str], str]]:
    """What an answer refuses: the code, the input, and the words."""
    found = [
        (each["extensions"]["code"], each["extensions"].get("path", []), each["message"]) for each in answer.get("errors", ())
    ]
    for payload in (answer.get("data") or {}).values():
        if isinstance(payload, dict):
            found += [(each["code"], each["path"] or [], each["message"]) for each in payload.get("problems", ())]
    return found


def every_input() -> Iterator[tuple[Field, str, GraphQLArgument]]:
    for field in fields():
        for name, argument in field.way[-1][1].args.items():
            yield field, name, argument


def test_every_argument_of_the_schema_is_covered() -> None:
    there = {
        f"{type_.name}.{name}({each}:)"
        for type_ in CORE.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        for name, field in type_.fields.items()
        for each in field.args
    }
    assert {f"{field.coordinate}({name}:)" for field, name, _ in every_input()} == there


def test_every_root_field_names_its_use_case_and_scope() -> None:
    roots = (CORE.query_type, CORE.mutation_type, CORE.subscription_type)
    assert {f"{root.name}.{name}" for root in roots if root for name in root.fields} == set(USE_CASES)


@pytest.mark.parametrize(
    "input_",
    ["song: String", "song: [String!]", "title: [String!]", "input: Wish", "count: Odd"],
)
def test_input_without_declared_bound_is_refused(input_: str) -> None:
    text = f"scalar Odd input Wish {{ title: String tune: String }} type Query {{ field({input_}): Int }}"
    with pytest.raises(Unbounded):
        input_bounds(build_schema(text))


async def test_other_client_is_answered_while_inputs_are_at_and_past_their_bounds(scene: Scene) -> None:
    wrong: list[str] = []
    async with beating(scene.address) as pulse:
        for field, name, argument in every_input():
            bound = BOUNDS.of(field.owner, field.way[-1][0])[name]
            query = field.text(name, argument.type)
            for path, at, past in cases(bound, argument.type):
                where = f"{field.coordinate}({name}:) {'.'.join(path)}"
                for value, beyond in ((at, False), (past, True)):
                    await pulse.reset()
                    content = json.dumps({"query": query, "variables": {name: value}}).encode()
                    status, body = await post(scene.address, content, {"accept": "application/json, text/event-stream;q=0.5"})
                    said = refusals(json.loads(body)) if body.startswith(b"{") else []
                    refused = [each for each in said if each[0] in {"INVALID", "TOO_LARGE"} and _bounded(each[2])]
                    if beyond and [each[1] for each in refused] != [[name, *path]]:
                        wrong.append(f"{where}: past its bound it is answered {status} {said}")
                    elif not beyond and refused:
                        wrong.append(f"{where}: at its bound it is refused: {refused}")
                    if any(code == "INTERNAL" for code, _, _ in said):
                        wrong.append(f"{where}: INTERNAL")
                    if pulse.longest > MOST:
                        wrong.append(f"{where}: {'past' if beyond else 'at'} its bound, {pulse.longest * 1000:.0f} ms")
        assert pulse.beats > 100
    assert wrong == []


def _bounded(message: str) -> bool:
    return "taken" in message and ("characters" in message or "items" in message or "digits" in message)
