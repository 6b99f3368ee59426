"""Argument coercion (CoerceArgumentValues): done once per plan for literals, and from coerced variables for the rest.

graphql-core coerces what is neither a literal nor a whole variable. Its values are converted into Strawberry's input
objects, under the names of the resolver's parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

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

CoerceArguments: TypeAlias = Callable[[VariableValues], dict[str, Any]]
"""Makes the arguments of a call from the coerced variables of the operation. Raises what is wrong with one."""


class _NotLiteral(Exception):
    """A value that is known only with its variables, or whose error belongs to an execution."""


class _VariableArgument(NamedTuple):
    """An argument whose value is a whole variable. ``required`` ones have no default, ``non_null`` ones take no null."""

    name: str
    variable: str
    required: bool
    non_null: bool


def immutable(values: Iterable[object]) -> bool:
    """Whether no resolver could change any of these values: others are made anew for each call."""
    return all(isinstance(each, _IMMUTABLE) for each in values)


class Arguments:
    """Arguments of one field: ``constant`` where they are the same for every call and immutable, else made by ``coerce``.

    ``literal`` says that no variable takes part.
    """

    def __init__(
        self,
        definition: GraphQLField,
        node: FieldNode,
        parameters: list[StrawberryArgument],
        config: StrawberryConfig,
        scalars: Any,
    ) -> None:
        def coerce_by_core(variables: VariableValues) -> dict[str, Any]:
            return get_argument_values(definition, node, variables)

        coerce_values = _direct_coercion(definition, node, coerce_by_core) or coerce_by_core
        convert = _conversion(parameters, config, scalars)
        self.constant: Mapping[str, Any] | None = None
        self.literal = not any(_has_variable(each) for each in node.arguments or ())
        self.coerce: CoerceArguments = lambda variables: convert(coerce_values(variables))
        if self.literal:
            with suppress(Exception):  # the execution raises it again, where it has a path
                self._fix(convert(coerce_by_core(_NO_VARIABLES)))

    def _fix(self, arguments: Mapping[str, Any]) -> None:
        """Keeps literal arguments: as they are where that is safe, else as a template that is copied for each call."""
        if immutable(arguments.values()):
            self.constant = arguments
        else:
            copy = _member_copier(arguments)
            self.coerce = lambda variables: copy()


def _direct_coercion(definition: GraphQLField, node: FieldNode, coerce_by_core: CoerceArguments) -> CoerceArguments | None:
    """Coercion without graphql-core, for fields whose arguments are literals, defaults and whole variables; else None.

    A variable has been coerced to its own type, which validation has found to fit the argument's: its value is copied. What
    graphql-core would raise, for a required argument that is missing or null, is left to it to raise.
    """
    arguments = {each.name.value: each for each in node.arguments or ()}
    literals: dict[str, Any] = {}
    from_variables: list[_VariableArgument] = []
    try:
        for name, argument in definition.args.items():
            argument_node = arguments.get(name)
            if argument_node is None or not isinstance(argument_node.value, VariableNode):
                literals |= _literal(name, argument, argument_node)
                continue
            required = is_required_argument(argument)
            if not required:
                literals |= _literal(name, argument, None)  # the default, where the variable is left out
            variable = argument_node.value.name.value
            from_variables.append(
                _VariableArgument(argument.out_name or name, variable, required, is_non_null_type(argument.type))
            )
    except _NotLiteral:
        return None

    def coerce(variables: VariableValues) -> dict[str, Any]:
        values = literals.copy()
        coerced = variables.coerced
        for name, variable, required, non_null in from_variables:
            value = coerced.get(variable, Undefined)
            if value is Undefined:
                if required:
                    return coerce_by_core(variables)
            elif value is None and non_null:
                return coerce_by_core(variables)
            else:
                values[name] = value
        return values

    return coerce


def _literal(name: str, argument: GraphQLArgument, node: ArgumentNode | None) -> dict[str, Any]:
    """The coerced value of one literal argument, or its default. Raises ``_NotLiteral``."""
    if node is not None and _has_variable(node):
        raise _NotLiteral
    alone: Any = SimpleNamespace(args={name: argument})
    field = FieldNode(name=NameNode(value=name), arguments=() if node is None else (node,))
    try:
        return get_argument_values(alone, field, _NO_VARIABLES)
    except Exception as error:
        raise _NotLiteral from error


def _has_variable(node: Node) -> bool:
    seen = False

    class Search(Visitor):
        def enter_variable(self, *_: Any) -> Any:
            nonlocal seen
            seen = True
            return BREAK

    visit(node, Search())
    return seen


def _conversion(
    parameters: list[StrawberryArgument], config: StrawberryConfig, scalars: Any
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Converts graphql-core's argument values to Strawberry's, under the names of the function's parameters."""
    plan = [
        (config.name_converter.from_argument(each), each.python_name, each.type, _is_wrapped(each.type)) for each in parameters
    ]

    def convert(values: dict[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for name, parameter, type_, wrapped in plan:
            if name in values:
                value = values[name]
                # A value that is neither a list nor an object is as it should be, unless its type wraps it.
                if wrapped or type(value) is list or type(value) is dict:
                    value = convert_argument(value, type_, scalars, config, path=(name,))
                arguments[parameter] = value
        return arguments

    return convert


def _is_wrapped(type_: Any) -> bool:
    inner = type_.of_type if isinstance(type_, StrawberryOptional) else type_
    return isinstance(type_, StrawberryMaybe) or inner is GlobalID


def _copier(value: Any) -> Callable[[], Any]:
    """A function that copies a value, which a resolver may then change. Raises ``TypeError`` for what cannot be copied."""
    if isinstance(value, _IMMUTABLE):
        return lambda: value
    if isinstance(value, list):
        items = [_copier(each) for each in value]
        return value.copy if immutable(value) else lambda: [copy() for copy in items]
    if isinstance(value, dict):
        return _member_copier(value)
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} cannot be copied")
    class_, copy_members = type(value), _member_copier(vars(value))

    def copy() -> Any:
        instance = object.__new__(class_)
        vars(instance).update(copy_members())
        return instance

    return copy


def _member_copier(members: Mapping[str, Any]) -> Callable[[], dict[str, Any]]:
    shared = dict(members)
    copiers = {name: _copier(each) for name, each in members.items() if not isinstance(each, _IMMUTABLE)}
    return lambda: shared | {name: copy() for name, copy in copiers.items()}
