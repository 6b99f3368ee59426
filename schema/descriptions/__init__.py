"""Reference documentation of the SDL: a description of every field, argument and enum value that has none beside its code.

A description is found by coordinate first (``Session.startedAt``, ``Query.sessions(first:)``), then by name, which means the
same wherever it stands. A test fails for an element without one.
"""

from __future__ import annotations

from typing import Protocol

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

from schema.descriptions.inputs import ARGUMENTS, INPUTS
from schema.descriptions.outputs import OUTPUTS
from schema.descriptions.values import VALUES


class _Described(Protocol):
    description: str | None


def describe(schema: GraphQLSchema) -> None:
    """Gives every element of a schema that has no description the one that is declared for it."""
    for name, type_ in schema.type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for field, definition in type_.fields.items():
                _fill(definition, OUTPUTS, f"{name}.{field}", field)
                for argument, each in definition.args.items():
                    _fill(each, ARGUMENTS, f"{name}.{field}({argument}:)", argument)
        elif isinstance(type_, GraphQLInputObjectType):
            for field, each in type_.fields.items():
                _fill(each, INPUTS, f"{name}.{field}", field)
        elif isinstance(type_, GraphQLEnumType):
            for value, of_enum in type_.values.items():
                _fill(of_enum, VALUES, f"{name}.{value}", value)


def _fill(element: _Described, texts: dict[str, str], coordinate: str, name: str) -> None:
    if not element.description:
        element.description = texts.get(coordinate) or texts.get(name)
