"""Runtime types: which Python classes are of which object type, so that a value is checked by its class alone.

Only where that is certain: for types bound to a model class, and for types that ask nothing of their values.
"""

from __future__ import annotations

from typing import Any

from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLSchema, Undefined
from graphql.type import GraphQLAbstractType

_MAX_CLASSES = 64


class RuntimeTypes:
    """The classes of each object type of a schema, and the object type of each class under an abstract type."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._accepted: dict[str, set[type]] = {}
        self._resolved: dict[tuple[str, type], GraphQLObjectType] = {}
        self._all_bound: dict[str, bool] = {}

    def model_class(self, type_: GraphQLObjectType) -> type | None:
        """The model class that a type is bound to by ``describes``."""
        class_: type | None = getattr(type_.is_type_of, "values", None)
        return class_

    def accepted_classes(self, type_: GraphQLObjectType) -> set[type]:
        """The classes whose values are of this type. The set grows as values of more classes are checked."""
        classes = self._accepted.get(type_.name)
        if classes is None:
            model_class = self.model_class(type_)
            classes = self._accepted[type_.name] = set() if model_class is None else {model_class}
        return classes

    def accept_class(self, type_: GraphQLObjectType, class_: type) -> None:
        """Adds the class of a value that was of this type, where every value of the class is."""
        certain = type_.is_type_of is None or self.model_class(type_) is not None
        if certain and _is_plain(class_) and len(self.accepted_classes(type_)) < _MAX_CLASSES:
            self.accepted_classes(type_).add(class_)

    def resolved_type(self, type_: GraphQLAbstractType, class_: type) -> GraphQLObjectType | None:
        """The object type of a class's values under an abstract type, where it was resolved before."""
        return self._resolved.get((type_.name, class_))

    def add_resolved_type(self, type_: GraphQLAbstractType, class_: type, member: GraphQLObjectType) -> None:
        """Keeps the object type of a value under an abstract type, where it holds for every value of the class."""
        model_class = self.model_class(member)
        certain = model_class is class_ and "__dict__" not in dir(class_)
        if certain and self._are_members_bound(type_) and _is_plain(class_):
            self._resolved[type_.name, class_] = member

    def _are_members_bound(self, type_: GraphQLAbstractType) -> bool:
        if type_.name not in self._all_bound:
            members = self._schema.get_possible_types(type_)
            self._all_bound[type_.name] = all(self.model_class(each) is not None for each in members)
        return self._all_bound[type_.name]


def enum_class(type_: GraphQLEnumType) -> type | None:
    """The Python enum whose members are the values of a type under their own names; None where one has another name."""
    members: Any = getattr(type_, "wrapped_cls", None)
    if members is None or any(type_.coerce_output_value(each) != each.name for each in members):
        return None
    class_: type = members
    return class_


def _is_plain(class_: type) -> bool:
    """Whether values of a class are neither absent, awaitable nor exceptions, which completion treats by themselves."""
    absent = (type(None), type(Undefined))
    return not issubclass(class_, Exception) and not hasattr(class_, "__await__") and class_ not in absent
