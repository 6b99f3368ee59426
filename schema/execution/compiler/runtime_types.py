"""Which classes of values are of which type, so that a value is asked for its class alone.

Only where that is sure: types tied to a class by ``describes``, and types that ask nothing of their values.
"""

from __future__ import annotations

from graphql import GraphQLObjectType, GraphQLSchema, Undefined
from graphql.type import GraphQLAbstractType

_MOST = 64


class Known:
    """What is known of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._classes: dict[str, set[type]] = {}
        self._members: dict[tuple[str, type], GraphQLObjectType] = {}
        self._closed: dict[str, bool] = {}

    def described(self, type_: GraphQLObjectType) -> type | None:
        """The class whose values this type describes, if it is tied to one."""
        found: type | None = getattr(type_.is_type_of, "values", None)
        return found

    def classes(self, type_: GraphQLObjectType) -> set[type]:
        """The classes whose values are of this type; it grows as more are seen."""
        found = self._classes.get(type_.name)
        if found is None:
            described = self.described(type_)
            found = self._classes[type_.name] = set() if described is None else {described}
        return found

    def accept(self, type_: GraphQLObjectType, values: type) -> None:
        """Notes that a value of this class was of this type."""
        sure = type_.is_type_of is None or self.described(type_) is not None
        if sure and _plain(values) and len(self.classes(type_)) < _MOST:
            self.classes(type_).add(values)

    def member(self, type_: GraphQLAbstractType, values: type) -> GraphQLObjectType | None:
        """The type that values of this class have where any type of an abstract one may stand."""
        return self._members.get((type_.name, values))

    def assign(self, type_: GraphQLAbstractType, values: type, member: GraphQLObjectType) -> None:
        """Notes which type a value of this class had where any type of an abstract one may stand."""
        described = self.described(member)
        bare = described is values and "__dict__" not in dir(values)
        if bare and self._all_described(type_) and _plain(values):
            self._members[type_.name, values] = member

    def _all_described(self, type_: GraphQLAbstractType) -> bool:
        if type_.name not in self._closed:
            members = self._schema.get_possible_types(type_)
            self._closed[type_.name] = all(self.described(each) is not None for each in members)
        return self._closed[type_.name]


def _plain(values: type) -> bool:
    return (
        not issubclass(values, Exception) and not hasattr(values, "__await__") and values not in (type(None), type(Undefined))
    )
