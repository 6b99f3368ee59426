"""Table of input bounds: the length of each text, and the size of each list and JSON value, that the schema accepts.

An input is found by its coordinate first (``SessionFilter.titleContains``, ``Query.nodes(ids:)``), then by its name, which
means the same wherever it stands: creation and change have the same bounds. An input that is in neither has no bound, and a
schema with such an input is not served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    is_list_type,
    is_non_null_type,
)

from schema.execution.validation.input_bounds import (
    NUMBER,
    STRAY,
    InputBound,
    InputBounds,
    JsonBound,
    ListBound,
    ObjectBound,
    TextBound,
)

VALUES: Final = 10_000
"""Values that the inputs of one operation may have in all: fields of objects, and items of lists."""

CHARACTERS: Final[Mapping[str, int]] = {
    "SessionFilter.reference": 20_000,
    "SessionFilter.titleContains": 20_000,
    "after": 10_000,
    "before": 10_000,
    "code": 4_000,
    "comment": 1_000,
    "content": 1_500_000,
    "createdBy": 500,
    "description": 4_000,
    "document": 1_000,
    "email": 1_000,
    "filename": 1_000,
    "firstName": 500,
    "idempotencyKey": 500,
    "key": 4_000,
    "language": 100,
    "lastName": 500,
    "message": 10_000,
    "middleName": 500,
    "name": 200,
    "names": 200,
    "participantEmail": 1_000,
    "participantRef": 200,
    "phone": 100,
    "provider": 200,
    "providers": 200,
    "reason": 4_000,
    "ref": 200,
    "reference": 2_000,
    "state": 4_000,
    "tags": 500,
    "thread": 1_000,
    "title": 1_000,
    "type": 100,
}
"""Characters of a text, or of each text in a list. Where a provider takes fewer, it says so itself."""

ITEMS: Final[Mapping[str, int]] = {
    "documents": 100,
    "fields": 500,
    "ids": 1_000,
    "names": 100,
    "participants": 100,
    "providers": 100,
    "sessionIds": 1_000,
    "tags": 100,
}
"""Items of a list. A list of an enum has as many as the enum has values."""

SCALARS: Final[Mapping[str, InputBound]] = {
    "Boolean": STRAY,
    "DateTime": TextBound(64),
    "Duration": TextBound(64),
    "Float": NUMBER,
    "ID": TextBound(6_000),
    "Int": NUMBER,
    "JSON": JsonBound(depth=16, values=1_000, characters=50_000),
    "Upload": STRAY,
}
"""The bounds of all inputs of one scalar; a String has none but those of ``CHARACTERS``."""


class Unbounded(LookupError):
    """An input of the schema that has no bound."""


def input_bounds(schema: GraphQLSchema) -> InputBounds:
    """The bounds of every input of a schema. Raises ``Unbounded`` for the first that has none."""
    table = _Table()
    arguments: dict[str, dict[str, dict[str, InputBound]]] = {}
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            arguments[type_.name] = {
                name: {
                    each: table.bound(argument.type, f"{type_.name}.{name}({each}:)", each)
                    for each, argument in field.args.items()
                }
                for name, field in type_.fields.items()
                if field.args and not type_.name.startswith("__")
            }
        elif isinstance(type_, GraphQLInputObjectType):
            table.object(type_)
    return InputBounds(arguments, VALUES)


class _Table:
    """Finds the bounds of inputs, those of each input object once."""

    def __init__(self) -> None:
        self._objects: dict[str, ObjectBound] = {}

    def bound(self, type_: GraphQLInputType, coordinate: str, name: str) -> InputBound:
        """The bound of one input. Raises ``Unbounded``."""
        if is_non_null_type(type_):
            return self.bound(cast(GraphQLInputType, type_.of_type), coordinate, name)
        if is_list_type(type_):
            return self._list(cast(GraphQLInputType, type_.of_type), coordinate, name)
        if isinstance(type_, GraphQLInputObjectType):
            return self.object(type_)
        if isinstance(type_, GraphQLEnumType):
            return STRAY
        scalar = SCALARS.get(str(type_))
        return TextBound(_declared(CHARACTERS, coordinate, name)) if scalar is None else scalar

    def object(self, type_: GraphQLInputObjectType) -> ObjectBound:
        """The bounds of an input object's fields."""
        bound = self._objects.get(type_.name)
        if bound is None:
            bound = self._objects[type_.name] = ObjectBound()
            bound.fields.update(
                (name, self.bound(each.type, f"{type_.name}.{name}", name)) for name, each in type_.fields.items()
            )
        return bound

    def _list(self, item: GraphQLInputType, coordinate: str, name: str) -> ListBound:
        inner = item.of_type if is_non_null_type(item) else item
        most = len(inner.values) if isinstance(inner, GraphQLEnumType) else _declared(ITEMS, coordinate, name)
        return ListBound(most, self.bound(item, coordinate, name))


def _declared(table: Mapping[str, int], coordinate: str, name: str) -> int:
    bound = table.get(coordinate, table.get(name))
    if bound is None:
        raise Unbounded(f"{coordinate} has no bound. Declare one in {__name__}.")
    return bound
