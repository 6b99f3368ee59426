"""Operation compiler: collects the fields of every selection set of an operation, and generates their functions.

An operation that a person would write is compiled at once. What is deeper, larger, or behind an abstract type is compiled
when a value first comes there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    TypeNameMetaFieldDef,
    located_error,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from strawberry.schema import Schema

from schema.execution.compiler.codegen import selection_set_function
from schema.execution.compiler.completion import value_completion
from schema.execution.compiler.field import Field, Subselections
from schema.execution.compiler.resolver_kinds import resolve_function, resolver_kind
from schema.execution.compiler.runtime_types import RuntimeTypes
from schema.execution.execution_context import ExecuteSelectionSet, ExecutionContext, ResponsePath, path_as_list
from schema.execution.fragment_cache import CachedSelectionSet, FragmentCache, cacheable_class, is_pure
from schema.execution.pending import Pending, add_pending, fill_pending

_MAX_DEPTH = 12
_MAX_FIELDS = 1_000
"""Levels and fields that are compiled before there is a value for them."""


class CompiledOperation:
    """An operation under one set of conditions: ``conditions`` has the variables of its ``@skip`` and ``@include``."""

    def __init__(
        self,
        schema: Schema,
        runtime_types: RuntimeTypes,
        fragment_cache: FragmentCache,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        conditions: VariableValues,
    ) -> None:
        self._schema = schema
        self._core_schema = schema._schema
        self._runtime_types = runtime_types
        self._fragment_cache = fragment_cache
        self._pure_selections: set[ExecuteSelectionSet] = set()
        self._operation = operation
        self._fragments = {name: FragmentDetails(each) for name, each in fragments.items()}
        self._conditions = conditions
        self._compiled_fields = 0
        self._depth = 0
        root_type = cast(GraphQLObjectType, self._core_schema.get_root_type(operation.operation))
        collected = collect_fields(self._core_schema, self._fragments, conditions, root_type, operation)[0]
        self._root_fields = self._compile_fields(root_type, collected)
        self._is_serial = operation.operation is OperationType.MUTATION
        self._execute_root = selection_set_function(self._root_fields, runtime_types, is_root=True)

    def execute(self, execution: ExecutionContext) -> Any:
        """The response's data, or ``Pending``. Raises the error that makes all of it null."""
        if self._is_serial:
            return Pending(self._execute_serially, execution)
        return self._execute_root(execution.root, execution, None)

    def complete_without_resolving(self, execution: ExecutionContext, value: object) -> Any:
        """The response's data where no resolver is called: every root field has this value, or fails with this error."""
        data: dict[str, Any] = {}
        pending: dict[Any, Any] | None = None
        for key, field in self._root_fields.items():
            completed: Any
            if isinstance(field, str):
                completed = field
            elif isinstance(value, Exception):
                field.handle_error(value, execution, (None, key))
                completed = None
            else:
                completed = field.complete_value(value, execution, None)
            data[key] = completed
            if type(completed) is Pending:
                pending = add_pending(pending, key, completed)
        return data if pending is None else Pending(fill_pending, data, pending)

    async def _execute_serially(self, execution: ExecutionContext) -> Any:
        """Executes the root fields of a mutation one after the other."""
        data: dict[str, Any] = {}
        for key, field in self._root_fields.items():
            completed = field if isinstance(field, str) else field.execute(execution.root, execution, None)
            data[key] = await completed if type(completed) is Pending else completed
        return data

    def _compile_fields(self, parent: GraphQLObjectType, collected: Mapping[str, list[FieldDetails]]) -> dict[str, Field | str]:
        """The fields of a selection set by response key; of ``__typename``, its value."""
        fields: dict[str, Field | str] = {}
        for key, details in collected.items():
            node = details[0].node
            definition = self._core_schema.get_field(parent, node.name.value)
            if definition is None:
                continue
            if definition is TypeNameMetaFieldDef:
                fields[key] = parent.name
                continue
            self._compiled_fields += 1
            kind = resolver_kind(self._schema, definition, node)
            field = Field(key, [each.node for each in details], definition, parent, kind, self._subselections(details))
            field.resolve = resolve_function(kind, definition, node, field)
            field.complete = value_completion(definition.type, field, self._runtime_types)
            fields[key] = field
        return fields

    def _subselections(self, details: list[FieldDetails]) -> Subselections:
        by_type: dict[str, ExecuteSelectionSet] = {}

        def subselection(type_: GraphQLObjectType) -> ExecuteSelectionSet:
            execute = by_type.get(type_.name)
            if execute is None:
                execute = by_type[type_.name] = self._compile_or_defer(type_, details)
            return execute

        return subselection

    def _compile_or_defer(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> ExecuteSelectionSet:
        if self._depth < _MAX_DEPTH and self._compiled_fields < _MAX_FIELDS:
            # A condition that is null makes the collection of fields fail: an error of the object, once there is one.
            with suppress(GraphQLError):
                return self._compile(type_, details)
        compiled: ExecuteSelectionSet | None = None

        def compile_and_execute(source: Any, execution: ExecutionContext, path: ResponsePath | None) -> Any:
            nonlocal compiled
            if compiled is None:
                self._compiled_fields = 0
                try:
                    compiled = self._compile(type_, details)
                except GraphQLError as error:
                    raise located_error(error, [each.node for each in details], path_as_list(path)) from error
            return compiled(source, execution, path)

        return compile_and_execute

    def _compile(self, type_: GraphQLObjectType, details: Sequence[FieldDetails]) -> ExecuteSelectionSet:
        depth, self._depth = self._depth, self._depth + 1
        try:
            collected = collect_subfields(
                self._core_schema, self._fragments, self._conditions, self._operation, type_, list(details)
            ).grouped_field_set
            fields = self._compile_fields(type_, collected)
            return self._cached(type_, fields, selection_set_function(fields, self._runtime_types))
        finally:
            self._depth = depth

    def _cached(
        self, type_: GraphQLObjectType, fields: Mapping[str, Field | str], execute: ExecuteSelectionSet
    ) -> ExecuteSelectionSet:
        """The selection set behind the fragment cache, where all of its fields are pure and its objects can be weakly held."""
        class_ = cacheable_class(self._runtime_types, type_)
        if class_ is None or not all(
            isinstance(field, str) or is_pure(class_, field, self._pure_selections) for field in fields.values()
        ):
            return execute
        if class_.__weakrefoffset__:
            execute = CachedSelectionSet(execute, class_, self._fragment_cache)
        self._pure_selections.add(execute)
        return execute
