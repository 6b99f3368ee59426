"""The arguments of a field as its function takes them: made once where they are constant, else from the variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any, TypeAlias

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    NameNode,
    Node,
    Undefined,
    VariableNode,
    Visitor,
    is_non_null_type,
    is_required_argument,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values
from graphql.language import BREAK
from strawberry.relay import GlobalID
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryMaybe, StrawberryOptional

_NO_VARIABLES = VariableValues({}, {})
_IMMUTABLE = (str, int, float, bool, Enum, datetime, timedelta, type(None))

Make: TypeAlias = Callable[[VariableValues], dict[str, Any]]
"""Makes the arguments of a call from the variables of the operation. Raises what is wrong with one."""


class _Varies(Exception):
    """Not to be decided before the variables are there."""


def immutable(values: Iterable[object]) -> bool:
    """Whether all of these are the same for good: others are made anew for whoever might change them."""
    return all(isinstance(each, _IMMUTABLE) for each in values)


class Arguments:
    """What a field is called with: ``constant`` if that is the same every time and cannot change, else what ``make`` says.

    ``fixed`` says that no variable decides it.
    """

    def __init__(
        self, definition: GraphQLField, node: FieldNode, taken: list[StrawberryArgument], config: StrawberryConfig, scalars: Any
    ) -> None:
        self._definition = definition
        self._node = node
        convert = _converter(taken, config, scalars)
        self.constant: Mapping[str, Any] | None = None
        self.fixed = not any(_varies(each) for each in node.arguments or ())
        coerce = self._quick() or self._slow
        self.make: Make = lambda variables: convert(coerce(variables))
        if self.fixed:
            with suppress(Exception):  # it is raised again by whoever executes it
                self._fix(convert(get_argument_values(definition, node, _NO_VARIABLES)))

    def _fix(self, found: Mapping[str, Any]) -> None:
        if immutable(found.values()):
            self.constant = found
        else:
            again = _members(found)
            self.make = lambda variables: again()

    def _slow(self, variables: VariableValues) -> dict[str, Any]:
        return get_argument_values(self._definition, self._node, variables)

    def _quick(self) -> Make | None:
        """For arguments that are constants and whole variables."""
        given = {each.name.value: each for each in self._node.arguments or ()}
        constant: dict[str, Any] = {}
        varying: list[tuple[str, str, bool, bool]] = []
        try:
            for name, argument in self._definition.args.items():
                out = argument.out_name or name
                node = given.get(name)
                if node is not None and isinstance(node.value, VariableNode):
                    must = is_required_argument(argument)
                    varying.append((out, node.value.name.value, must, is_non_null_type(argument.type)))
                    node = None
                    if must:
                        continue
                constant |= _constant(name, argument, node)
        except _Varies:
            return None
        slow = self._slow

        def coerce(variables: VariableValues) -> dict[str, Any]:
            values = constant.copy()
            found = variables.coerced
            for out, variable, must, present in varying:
                value = found.get(variable, Undefined)
                if value is Undefined:
                    if must:
                        return slow(variables)
                elif value is None and present:
                    return slow(variables)
                else:
                    values[out] = value
            return values

        return coerce


def _constant(name: str, argument: GraphQLArgument, node: ArgumentNode | None) -> dict[str, Any]:
    if node is not None and _varies(node):
        raise _Varies
    alone: Any = SimpleNamespace(args={name: argument})
    field = FieldNode(name=NameNode(value=name), arguments=() if node is None else (node,))
    try:
        return get_argument_values(alone, field, _NO_VARIABLES)
    except Exception as error:
        raise _Varies from error


def _varies(node: Node) -> bool:
    found = False

    class Search(Visitor):
        def enter_variable(self, *_: Any) -> Any:
            nonlocal found
            found = True
            return BREAK

    visit(node, Search())
    return found


def _converter(
    taken: list[StrawberryArgument], config: StrawberryConfig, scalars: Any
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Makes Strawberry's values of graphql-core's, under the names of the function's parameters."""
    plan = [(config.name_converter.from_argument(each), each.python_name, each.type, _wrapped(each.type)) for each in taken]

    def convert(values: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, parameter, type_, wrapped in plan:
            if name in values:
                value = values[name]
                # What is neither a list nor an object is as it should be, unless its type wraps it.
                if wrapped or type(value) is list or type(value) is dict:
                    value = convert_argument(value, type_, scalars, config, path=(name,))
                made[parameter] = value
        return made

    return convert


def _again(value: Any) -> Callable[[], Any]:
    """Gives the same value, of which whoever is given it may change whatever can be changed.

    Raises ``TypeError`` for what cannot be had again.
    """
    if isinstance(value, _IMMUTABLE):
        return lambda: value
    if isinstance(value, list):
        items = [_again(each) for each in value]
        return value.copy if immutable(value) else lambda: [each() for each in items]
    if isinstance(value, dict):
        return _members(value)
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is not to be had again")
    class_, members = type(value), _members(vars(value))

    def again() -> Any:
        made = object.__new__(class_)
        vars(made).update(members())
        return made

    return again


def _members(found: Mapping[str, Any]) -> Callable[[], dict[str, Any]]:
    same = dict(found)
    changing = {name: _again(each) for name, each in found.items() if not isinstance(each, _IMMUTABLE)}
    return lambda: same | {name: each() for name, each in changing.items()}


def _wrapped(type_: Any) -> bool:
    inner = type_.of_type if isinstance(type_, StrawberryOptional) else type_
    return isinstance(type_, StrawberryMaybe) or inner is GlobalID
