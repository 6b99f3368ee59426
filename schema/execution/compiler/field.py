"""Field execution (ExecuteField): resolves a field's value, completes it, and handles the errors of both.

This is the path that covers every rule of the specification. Generated code takes shortcuts, and falls back to this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import FieldNode, GraphQLField, GraphQLObjectType, Undefined, is_non_null_type, located_error
from strawberry.execution import optimized_is_awaitable as is_awaitable

from schema.execution.execution_context import (
    ExecuteSelectionSet,
    ExecutionContext,
    ResponsePath,
    core_path,
    path_as_list,
)
from schema.execution.pending import Pending

if TYPE_CHECKING:
    from schema.execution.compiler.resolver_kinds import ResolverKind

CompleteValue: TypeAlias = Callable[[Any, ExecutionContext, ResponsePath], Any]
"""Completes a resolved value (CompleteValue): returns its part of the response, or ``Pending``; raises what makes it null."""

ResolveValue: TypeAlias = Callable[[Any, ExecutionContext, ResponsePath], Any]
"""Resolves a field's value from its parent object (ResolveFieldValue)."""

Subselections: TypeAlias = Callable[[GraphQLObjectType], ExecuteSelectionSet]
"""The selection set of a field's objects, by their runtime type."""


class Field:
    """One response key of a selection set, with the field nodes that are merged under it."""

    __slots__ = ("complete", "definition", "key", "kind", "nodes", "nullable", "parent", "resolve", "subselection")

    def __init__(
        self,
        key: str,
        nodes: list[FieldNode],
        definition: GraphQLField,
        parent: GraphQLObjectType,
        kind: ResolverKind,
        subselection: Subselections,
    ) -> None:
        self.key = key
        self.nodes = nodes
        self.definition = definition
        self.parent = parent
        self.kind = kind
        self.nullable = not is_non_null_type(definition.type)
        self.subselection = subselection
        self.resolve: ResolveValue
        self.complete: CompleteValue

    @property
    def coordinate(self) -> str:
        """The schema coordinate, as messages name the field."""
        return f"{self.parent.name}.{self.nodes[0].name.value}"

    def execute(self, source: Any, execution: ExecutionContext, parent_path: ResponsePath | None) -> Any:
        """Resolves and completes the field: its part of the response, or ``Pending``. Raises what makes its parent null."""
        path = (parent_path, self.key)
        try:
            return self._complete(self.resolve(source, execution, path), execution, path)
        except Exception as error:
            return self.handle_error(error, execution, path)

    def complete_value(self, value: Any, execution: ExecutionContext, parent_path: ResponsePath | None) -> Any:
        """Completes a value that is resolved already. Raises what is wrong with it."""
        return self._complete(value, execution, (parent_path, self.key))

    def _complete(self, value: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        if is_awaitable(value):
            return Pending(self.complete_awaitable, value, execution, path)
        completed = self.complete(value, execution, path)
        return Pending(self.await_pending, completed, execution, path) if type(completed) is Pending else completed

    async def complete_awaitable(self, value: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        """Awaits a resolved value and completes it."""
        try:
            completed = self.complete(await value, execution, path)
            return await completed if type(completed) is Pending else completed
        except Exception as error:
            return self.handle_error(error, execution, path)

    async def call_and_complete(
        self,
        function: Callable[..., Any],
        positional: Sequence[Any],
        named: Mapping[str, Any],
        execution: ExecutionContext,
        path: ResponsePath,
    ) -> Any:
        """Calls a coroutine function, which is not called before this is awaited, and completes its value."""
        try:
            completed = self.complete(await function(*positional, **named), execution, path)
            return await completed if type(completed) is Pending else completed
        except Exception as error:
            return self.handle_error(error, execution, path)

    async def await_pending(self, completed: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        """Awaits the pending part of a completed value; an error in it is this field's."""
        try:
            return await completed
        except Exception as error:
            return self.handle_error(error, execution, path)

    def handle_error(self, error: Exception, execution: ExecutionContext, path: ResponsePath) -> None:
        """Makes a nullable field null and records its error. Raises the located error where the field is non-null."""
        located = located_error(error, self.nodes, path_as_list(path))
        if not self.nullable:
            raise located
        execution.add_error(located, path)

    def core_info(self, execution: ExecutionContext, path: ResponsePath) -> Any:
        """graphql-core's ``info``, for functions that were written for it."""
        return execution.core.build_resolve_info(self.definition, self.nodes, self.parent, core_path(path))


def is_absent(value: Any) -> bool:
    """Whether a resolved value is null or undefined. An exception in its place is raised, as graphql-core does."""
    if isinstance(value, Exception):
        raise value
    return value is None or value is Undefined
