"""Contract: the exported SDL is that of the code, and does not contradict the public one."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
)

from schema import schema

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT.parent / "shared" / "schema.graphql"


def contradictions(contract: GraphQLSchema, ours: GraphQLSchema) -> list[str]:
    found = []
    for name, mine in ours.type_map.items():
        theirs = contract.type_map.get(name)
        if name.startswith("__") or theirs is None:
            continue
        if not isinstance(mine, type(theirs)):
            found.append(f"{name} is another kind of type")
        elif isinstance(mine, GraphQLObjectType | GraphQLInterfaceType):
            found += output_contradictions(name, mine, theirs)
        elif isinstance(mine, GraphQLInputObjectType):
            found += argument_contradictions(name, mine.fields, theirs.fields)
        elif isinstance(mine, GraphQLEnumType) and not set(mine.values) <= set(theirs.values):
            found.append(f"{name} has values that the contract lacks")
    return found


def output_contradictions(name: str, mine: GraphQLObjectType, theirs: GraphQLObjectType) -> list[str]:
    found = []
    for key, field in mine.fields.items():
        wanted = theirs.fields.get(key)
        if wanted is None:
            continue
        if str(field.type) != str(wanted.type):
            found.append(f"{name}.{key}: {field.type}, the contract says {wanted.type}")
        found += argument_contradictions(f"{name}.{key}", field.args, wanted.args)
    if [each.name for each in mine.interfaces] != [each.name for each in theirs.interfaces]:
        found.append(f"{name} has other interfaces")
    return found


def argument_contradictions(name: str, mine: dict, theirs: dict) -> list[str]:
    found = [f"{name}({key}) is not in the contract" for key in mine if key not in theirs]
    for key, argument in mine.items():
        if key in theirs and str(argument.type) != str(theirs[key].type):
            found.append(f"{name}({key}): {argument.type}, the contract says {theirs[key].type}")
    return found


def unknown_names(contract: GraphQLSchema, ours: GraphQLSchema) -> list[str]:
    return [name for name in ours.type_map if name not in contract.type_map]


def test_the_exported_sdl_is_the_codes() -> None:
    exported = (ROOT / "schema" / "schema.graphql").read_text("utf-8")
    assert exported == f"{schema}\n", "run `make schema` and review what changed"


def test_comparison_with_the_contract_finds_contradictions() -> None:
    contract = build_schema("type Query { a(x: Int): Int!  b: E } enum E { X }")
    ours = build_schema("type Query { a(x: String, y: Int): Int  b: E } enum E { X Y }")
    assert len(contradictions(contract, ours)) == 4


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract lies beside the checkout of its authors only")
def test_nothing_contradicts_the_contract() -> None:
    contract = build_schema(CONTRACT.read_text("utf-8"))
    ours = schema._schema
    assert contradictions(contract, ours) == []
    assert unknown_names(contract, ours) == []
