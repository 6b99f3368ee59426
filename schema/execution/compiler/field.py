"""A field of a selection: how its value is had, and what the answer shows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import FieldNode, GraphQLField, GraphQLObjectType, is_non_null_type, located_error
from strawberry.execution import optimized_is_awaitable as is_awaitable

from schema.execution.run import Path, Pending, Run, Select, core_path, keys

Complete: TypeAlias = Callable[[Any, Run, Path], Any]
"""Makes what the answer shows of a value; ``Pending`` where that is still to come. Raises what makes it null."""

Resolve: TypeAlias = Callable[[Any, Run, Path], Any]
"""Has the value of a field from what it is a field of."""

Selecting: TypeAlias = Callable[[GraphQLObjectType], Select]
"""What is selected of a field's objects, by their type."""


class Field:
    """A field under one key. This is the way that covers everything; what is written for speed leads back here."""

    __slots__ = ("complete", "definition", "key", "nodes", "nullable", "parent", "resolve", "selecting")

    def __init__(
        self, key: str, nodes: list[FieldNode], definition: GraphQLField, parent: GraphQLObjectType, selecting: Selecting
    ) -> None:
        self.key = key
        self.nodes = nodes
        self.definition = definition
        self.parent = parent
        self.nullable = not is_non_null_type(definition.type)
        self.selecting = selecting
        self.resolve: Resolve
        self.complete: Complete

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.parent.name}.{self.nodes[0].name.value}"

    def execute(self, source: Any, run: Run, before: Path | None) -> Any:
        """What the answer shows; ``Pending`` where that is still to come. Raises where an error goes on upwards."""
        path = (before, self.key)
        try:
            return self._finish(self.resolve(source, run, path), run, path)
        except Exception as error:
            return self.fail(error, run, path)

    def finish(self, value: Any, run: Run, before: Path | None) -> Any:
        """What the answer shows of a value that is had already. Raises where it is an error."""
        return self._finish(value, run, (before, self.key))

    def _finish(self, value: Any, run: Run, path: Path) -> Any:
        if is_awaitable(value):
            return Pending(self.awaited, value, run, path)
        completed = self.complete(value, run, path)
        return Pending(self.settled, completed, run, path) if type(completed) is Pending else completed

    async def awaited(self, value: Any, run: Run, path: Path) -> Any:
        """What the answer shows of a value that is still to come."""
        try:
            completed = self.complete(await value, run, path)
            return await completed if type(completed) is Pending else completed
        except Exception as error:
            return self.fail(error, run, path)

    async def called(
        self, function: Callable[..., Any], source: Sequence[Any], given: Mapping[str, Any], run: Run, path: Path
    ) -> Any:
        """What the answer shows of what a coroutine function gives. It is called when its turn comes."""
        try:
            completed = self.complete(await function(*source, **given), run, path)
            return await completed if type(completed) is Pending else completed
        except Exception as error:
            return self.fail(error, run, path)

    async def settled(self, completed: Any, run: Run, path: Path) -> Any:
        """What is still to come of the answer, its errors held here."""
        try:
            return await completed
        except Exception as error:
            return self.fail(error, run, path)

    def fail(self, error: Exception, run: Run, path: Path) -> None:
        """Notes an error where this field can be null. Raises it, located, where it cannot."""
        located = located_error(error, self.nodes, keys(path))
        if not self.nullable:
            raise located
        run.add(located, path)

    def core_info(self, run: Run, path: Path) -> Any:
        """graphql-core's ``info``, for what was written for that."""
        return run.core.build_resolve_info(self.definition, self.nodes, self.parent, core_path(path))
