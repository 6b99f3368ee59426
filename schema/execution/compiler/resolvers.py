"""How the value of a field is had: an attribute is read, a function is called as it is, else graphql-core's way."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, GraphQLField
from graphql.execution.values import get_argument_values
from strawberry.schema import Schema
from strawberry.types.field import StrawberryField

from schema.execution.compiler.arguments import Arguments
from schema.execution.compiler.field import Field
from schema.execution.run import Path, Run


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field that is an attribute of its parent object; ``pure`` is declared for properties that depend on it alone."""

    name: str
    pure: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A field that a function makes. ``source`` and ``info`` are the names of the parameters that take those.

    ``pure`` is declared for functions of a frozen object and of literal arguments alone.
    """

    function: Callable[..., Any]
    source: str | None
    info: str | None
    arguments: Arguments
    coroutine: bool
    pure: bool


@dataclass(frozen=True, slots=True)
class Foreign:
    """A field as graphql-core knows it: of introspection, or with extensions."""


@dataclass(frozen=True, slots=True)
class Event:
    """The field of a subscription: what happened is its value."""


Manner = Attribute | Function | Foreign | Event
"""How the value of a field is had."""


def manner(schema: Schema, definition: GraphQLField, node: FieldNode) -> Manner:
    """How Strawberry would have the value."""
    own = definition.extensions.get("strawberry-definition")
    if not isinstance(own, StrawberryField) or own.extensions or schema.exception_handlers:
        return Foreign()
    if own.is_subscription:
        return Event()
    resolver, pure = own.base_resolver, bool(own.metadata.get("pure"))
    if resolver is None:
        plain = schema.config.default_resolver is getattr and not node.arguments
        return Attribute(own.python_name, pure) if plain else Foreign()
    if resolver.self_parameter is not None or not inspect.isfunction(resolver.wrapped_func):
        return Foreign()
    source = resolver.parent_parameter or resolver.root_parameter
    arguments = Arguments(definition, node, own.arguments, schema.config, schema.schema_converter.scalar_registry)
    return Function(
        resolver.wrapped_func,
        None if source is None else source.name,
        None if resolver.info_parameter is None else resolver.info_parameter.name,
        arguments,
        inspect.iscoroutinefunction(resolver.wrapped_func),
        pure,
    )


def resolution(how: Manner, definition: GraphQLField, node: FieldNode, field: Field) -> Callable[..., Any]:
    """The function that has the value, of ``source``, ``run`` and ``path``."""
    match how:
        case Attribute(name):
            return lambda source, run, path: getattr(source, name)
        case Function():
            return _call(how)
        case Event():
            return lambda source, run, path: source
        case Foreign():
            return _foreign(definition, node, field)


def _call(how: Function) -> Callable[..., Any]:
    function, make = how.function, how.arguments.make

    def resolve(source: Any, run: Run, path: Path) -> Any:
        given = make(run.variables)
        if how.source is not None:
            given[how.source] = source
        if how.info is not None:
            given[how.info] = run.info
        return function(**given)

    return resolve


def _foreign(definition: GraphQLField, node: FieldNode, field: Field) -> Callable[..., Any]:
    def resolve(source: Any, run: Run, path: Path) -> Any:
        info = field.core_info(run, path)
        given = get_argument_values(definition, node, run.variables) if definition.args or node.arguments else {}
        return (definition.resolve or run.core.field_resolver)(source, info, **given)

    return resolve
