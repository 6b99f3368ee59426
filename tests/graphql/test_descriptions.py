"""Reference documentation: every element of the SDL is described, and nothing is described that is not there."""

from __future__ import annotations

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

from schema import schema
from schema.descriptions.inputs import ARGUMENTS, INPUTS
from schema.descriptions.outputs import OUTPUTS
from schema.descriptions.values import VALUES

TYPES = {name: each for name, each in schema._schema.type_map.items() if not name.startswith("__")}
OBJECTS = {name: each for name, each in TYPES.items() if isinstance(each, GraphQLObjectType | GraphQLInterfaceType)}
ELEMENTS = {
    "outputs": {f"{name}.{field}": each for name, of in OBJECTS.items() for field, each in of.fields.items()},
    "arguments": {
        f"{name}.{field}({argument}:)": each
        for name, of in OBJECTS.items()
        for field, definition in of.fields.items()
        for argument, each in definition.args.items()
    },
    "inputs": {
        f"{name}.{field}": each
        for name, of in TYPES.items()
        if isinstance(of, GraphQLInputObjectType)
        for field, each in of.fields.items()
    },
    "values": {
        f"{name}.{value}": each
        for name, of in TYPES.items()
        if isinstance(of, GraphQLEnumType)
        for value, each in of.values.items()
    },
}
NAMED = {"Int", "Float", "String", "Boolean", "ID"}


def test_every_element_of_the_schema_is_described() -> None:
    bare = [name for name, each in TYPES.items() if name not in NAMED and not each.description]
    bare += [name for kind in ELEMENTS.values() for name, each in kind.items() if not each.description]
    assert bare == []


def test_every_coordinate_that_is_described_is_in_the_schema() -> None:
    declared = {"outputs": OUTPUTS, "arguments": ARGUMENTS, "inputs": INPUTS, "values": VALUES}
    strange = [name for kind, texts in declared.items() for name in texts if "." in name and name not in ELEMENTS[kind]]
    assert strange == []
