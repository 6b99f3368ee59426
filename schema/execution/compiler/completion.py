"""Value completion (CompleteValue): the rules of graphql-core by the type of a field, decided once per plan.

https://spec.graphql.org/draft/#sec-Value-Completion
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution import Executor
from graphql.execution.executor import invalid_return_type_error

from schema.execution.compiler.field import CompleteValue, Field, is_absent
from schema.execution.compiler.list_completion import list_completion
from schema.execution.compiler.runtime_types import RuntimeTypes
from schema.execution.execution_context import ExecuteSelectionSet, ExecutionContext, ResponsePath


def value_completion(type_: GraphQLOutputType, field: Field, runtime_types: RuntimeTypes) -> CompleteValue:
    """The completion of values of this type under a field."""
    if is_non_null_type(type_):
        return _non_null(value_completion(type_.of_type, field, runtime_types), field)
    if is_list_type(type_):
        complete_item = value_completion(type_.of_type, field, runtime_types)
        return list_completion(type_.of_type, field, complete_item, runtime_types)
    if is_leaf_type(type_):
        return _leaf(Executor.complete_leaf_value, type_)
    if is_abstract_type(type_):
        return _abstract(type_, field, runtime_types)
    type_ = cast(GraphQLObjectType, type_)
    return _object(type_, field, field.subselection(type_), runtime_types)


def _non_null(complete_nullable: CompleteValue, field: Field) -> CompleteValue:
    message = f"Cannot return null for non-nullable field {field.coordinate}."

    def complete(value: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        completed = complete_nullable(value, execution, path)
        if completed is None:
            raise TypeError(message)
        return completed

    return complete


def _leaf(serialize: Callable[[Any, Any], Any], type_: Any) -> CompleteValue:
    def complete(value: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        return None if is_absent(value) else serialize(type_, value)

    return complete


def _object(type_: GraphQLObjectType, field: Field, execute: ExecuteSelectionSet, runtime_types: RuntimeTypes) -> CompleteValue:
    accepted = runtime_types.accepted_classes(type_)

    def complete(value: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        if type(value) in accepted:
            return execute(value, execution, path)
        if is_absent(value):
            return None
        _require_type(type_, value, field, execution, path)
        runtime_types.accept_class(type_, type(value))
        return execute(value, execution, path)

    return complete


def _abstract(type_: GraphQLInterfaceType | GraphQLUnionType, field: Field, runtime_types: RuntimeTypes) -> CompleteValue:
    """Completion of interfaces and unions: graphql-core resolves the runtime type, once per class where that is certain."""

    def complete(value: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        runtime_type = runtime_types.resolved_type(type_, type(value))
        if runtime_type is None:
            if is_absent(value):
                return None
            info = field.core_info(execution, path)
            name = (type_.resolve_type or execution.core.type_resolver)(value, info, type_)
            runtime_type = execution.core.ensure_valid_runtime_type(name, type_, _details(field), info, value)
            _require_type(runtime_type, value, field, execution, path)
            runtime_types.add_resolved_type(type_, type(value), runtime_type)
        return field.subselection(runtime_type)(value, execution, path)

    return complete


class _FieldDetails:
    """As much of graphql-core's field details as its error messages read."""

    def __init__(self, node: FieldNode) -> None:
        self.node = node


def _details(field: Field) -> Any:
    return [_FieldDetails(node) for node in field.nodes]


def _require_type(type_: GraphQLObjectType, value: Any, field: Field, execution: ExecutionContext, path: ResponsePath) -> None:
    if type_.is_type_of is not None and not type_.is_type_of(value, field.core_info(execution, path)):
        raise invalid_return_type_error(type_, value, _details(field))
