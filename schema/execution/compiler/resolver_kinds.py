"""Resolver kinds: how a field's value is resolved, decided once per plan (ResolveFieldValue).

Reading an attribute and calling a function are compiled inline; whatever else Strawberry may do is left to graphql-core.
"""

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
from schema.execution.compiler.field import Field, ResolveValue
from schema.execution.execution_context import ExecutionContext, ResponsePath


@dataclass(frozen=True, slots=True)
class AttributeResolver:
    """Reads an attribute of the parent object; ``pure`` is declared for properties that depend on that object alone."""

    name: str
    pure: bool = False


@dataclass(frozen=True, slots=True)
class FunctionResolver:
    """Calls a function. ``source`` and ``info`` are the names of the parameters that take the parent object and the info.

    ``pure`` is declared for functions of a frozen object and of literal arguments alone.
    """

    function: Callable[..., Any]
    source: str | None
    info: str | None
    arguments: Arguments
    coroutine: bool
    pure: bool


@dataclass(frozen=True, slots=True)
class CoreResolver:
    """Calls the resolver that graphql-core knows: of introspection, and of fields with extensions."""


@dataclass(frozen=True, slots=True)
class EventResolver:
    """Takes the source event itself: the root field of a subscription."""


ResolverKind = AttributeResolver | FunctionResolver | CoreResolver | EventResolver


def resolver_kind(schema: Schema, definition: GraphQLField, node: FieldNode) -> ResolverKind:
    """The kind of a field's resolver, by how Strawberry would resolve it."""
    own = definition.extensions.get("strawberry-definition")
    if not isinstance(own, StrawberryField) or own.extensions or schema.exception_handlers:
        return CoreResolver()
    if own.is_subscription:
        return EventResolver()
    resolver, pure = own.base_resolver, bool(own.metadata.get("pure"))
    if resolver is None:
        plain = schema.config.default_resolver is getattr and not node.arguments
        return AttributeResolver(own.python_name, pure) if plain else CoreResolver()
    if resolver.self_parameter is not None or not inspect.isfunction(resolver.wrapped_func):
        return CoreResolver()
    source = resolver.parent_parameter or resolver.root_parameter
    arguments = Arguments(definition, node, own.arguments, schema.config, schema.schema_converter.scalar_registry)
    return FunctionResolver(
        resolver.wrapped_func,
        None if source is None else source.name,
        None if resolver.info_parameter is None else resolver.info_parameter.name,
        arguments,
        inspect.iscoroutinefunction(resolver.wrapped_func),
        pure,
    )


def resolve_function(kind: ResolverKind, definition: GraphQLField, node: FieldNode, field: Field) -> ResolveValue:
    """The function that resolves a field's value, for the paths that no code is generated for."""
    match kind:
        case AttributeResolver(name):
            return lambda source, execution, path: getattr(source, name)
        case FunctionResolver():
            return _function_call(kind)
        case EventResolver():
            return lambda source, execution, path: source
        case CoreResolver():
            return _core_call(definition, node, field)


def _function_call(kind: FunctionResolver) -> ResolveValue:
    function, coerce = kind.function, kind.arguments.coerce

    def resolve(source: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        arguments = coerce(execution.variables)
        if kind.source is not None:
            arguments[kind.source] = source
        if kind.info is not None:
            arguments[kind.info] = execution.info
        return function(**arguments)

    return resolve


def _core_call(definition: GraphQLField, node: FieldNode, field: Field) -> ResolveValue:
    def resolve(source: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        info = field.core_info(execution, path)
        takes_arguments = definition.args or node.arguments
        arguments = get_argument_values(definition, node, execution.variables) if takes_arguments else {}
        return (definition.resolve or execution.core.field_resolver)(source, info, **arguments)

    return resolve
