"""List completion: completes lists item by item as graphql-core does, and faster where the items' class is known.

https://spec.graphql.org/draft/#sec-Value-Completion
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLID,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    is_non_null_type,
    located_error,
)
from graphql.pyutils import is_iterable
from strawberry.execution import optimized_is_awaitable as is_awaitable

from schema.execution.compiler.field import CompleteValue, Field, is_absent
from schema.execution.compiler.runtime_types import RuntimeTypes, enum_class
from schema.execution.execution_context import ExecuteSelectionSet, ExecutionContext, ResponsePath, path_as_list
from schema.execution.fragment_cache import CachedSelectionSet
from schema.execution.pending import Pending, add_pending, fill_pending


def list_completion(
    item_type: GraphQLOutputType, field: Field, complete_item: CompleteValue, runtime_types: RuntimeTypes
) -> CompleteValue:
    """The completion of lists of this item type under a field."""
    items = ItemCompletion(item_type, field, complete_item)
    if not is_non_null_type(item_type):
        return items.complete_list
    inner = item_type.of_type
    if isinstance(inner, GraphQLObjectType):
        return _object_list(items, field.subselection(inner), runtime_types.accepted_classes(inner))
    if isinstance(inner, GraphQLEnumType) and (members := enum_class(inner)) is not None:
        return _leaf_list(items, members, lambda values: [each._name_ for each in values])
    if inner in (GraphQLString, GraphQLID):
        return _leaf_list(items, str, list)
    return items.complete_list


class ItemCompletion:
    """Completes lists of any type, one item after the other; an item's error is handled where the item is."""

    def __init__(self, item_type: GraphQLOutputType, field: Field, complete_item: CompleteValue) -> None:
        self._field = field
        self._complete_item = complete_item
        self._nullable = not is_non_null_type(item_type)

    def complete_list(self, value: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        """The list of completed items, or ``Pending``. Raises where it is no list, or where a non-null item failed."""
        if is_absent(value):
            return None
        if isinstance(value, AsyncIterable):
            return Pending(self._complete_async_iterable, value, execution, path)
        if not is_iterable(value):
            raise GraphQLError(f"Expected Iterable, but did not find one for field '{self._field.coordinate}'.")
        result = _PartialList()
        items = iter(value)
        try:
            for item in items:
                result.append(self.complete(item, execution, (path, len(result.items))))
        except Exception:
            detach_items(execution, result.pending, items)
            raise
        return result.items if result.pending is None else Pending(fill_pending, result.items, result.pending)

    async def _complete_async_iterable(self, value: AsyncIterable[Any], execution: ExecutionContext, path: ResponsePath) -> Any:
        result = _PartialList()
        items = aiter(value)
        try:
            while True:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    break
                except Exception as error:
                    raise located_error(error, self._field.nodes, path_as_list(path)) from error
                result.append(self.complete(item, execution, (path, len(result.items))))
        except Exception:
            with suppress(Exception):
                await items.aclose()  # type: ignore[attr-defined]
            detach_items(execution, result.pending, ())
            raise
        return result.items if result.pending is None else await fill_pending(result.items, result.pending)

    def complete(self, item: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        """Completes one item: its part of the response, or ``Pending``."""
        if is_awaitable(item):
            return Pending(self._complete_awaitable, item, execution, path)
        try:
            completed = self._complete_item(item, execution, path)
        except Exception as error:
            return self._handle_error(error, execution, path)
        return Pending(self.await_pending, completed, execution, path) if type(completed) is Pending else completed

    async def _complete_awaitable(self, item: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        try:
            completed = self._complete_item(await item, execution, path)
            return await completed if type(completed) is Pending else completed
        except Exception as error:
            return self._handle_error(error, execution, path)

    async def await_pending(self, completed: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        """Awaits the pending part of an item; an error in it is the item's."""
        try:
            return await completed
        except Exception as error:
            return self._handle_error(error, execution, path)

    def _handle_error(self, error: Exception, execution: ExecutionContext, path: ResponsePath) -> None:
        located = located_error(error, self._field.nodes, path_as_list(path))
        if not self._nullable:
            raise located
        execution.add_error(located, path)


class _PartialList:
    """A list under completion: its items so far, and those of them that are pending, by index."""

    __slots__ = ("items", "pending")

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.pending: dict[Any, Any] | None = None

    def append(self, completed: Any) -> None:
        if type(completed) is Pending:
            self.pending = add_pending(self.pending, len(self.items), completed)
        self.items.append(completed)


def detach_items(execution: ExecutionContext, pending: dict[Any, Any] | None, rest: Iterable[Any]) -> None:
    """Detaches the awaitables of a list that has become null: pending items, and those that were not reached."""
    awaitables = list((pending or {}).values())
    with suppress(Exception):
        awaitables.extend(item for item in rest if is_awaitable(item))
    if awaitables:
        execution.detach(awaitables)


def _leaf_list(items: ItemCompletion, class_: type, serialize: Callable[[Any], list[Any]]) -> CompleteValue:
    """Lists whose items are all of one leaf's class, which takes a look at each; any other list is completed by item."""

    def complete(value: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        if type(value) is tuple or type(value) is list:
            for item in value:
                if type(item) is not class_:
                    break
            else:
                return serialize(value)
        return items.complete_list(value, execution, path)

    return complete


def _object_list(items: ItemCompletion, execute: ExecuteSelectionSet, accepted: set[type]) -> CompleteValue:
    """Lists of non-null objects of one type: items of an accepted class are executed without a further check.

    This is ``ItemCompletion.complete_list`` unrolled, because most of a response is made by this loop.
    """
    cache = execute if isinstance(execute, CachedSelectionSet) else None

    def complete(value: Any, execution: ExecutionContext, path: ResponsePath) -> Any:
        if not isinstance(value, tuple | list):
            return items.complete_list(value, execution, path)
        if cache is not None and (cached := cache.cached_list(value)) is not None:
            return cached
        result: list[Any] = []
        pending: dict[Any, Any] | None = None
        index = 0
        rest: Iterator[Any] = iter(value)
        try:
            for item in rest:
                if type(item) in accepted:
                    completed = execute(item, execution, (path, index))
                    if type(completed) is Pending:
                        completed = Pending(items.await_pending, completed, execution, (path, index))
                        pending = add_pending(pending, index, completed)
                else:
                    completed = items.complete(item, execution, (path, index))
                    if type(completed) is Pending:
                        pending = add_pending(pending, index, completed)
                result.append(completed)
                index += 1
        except Exception:
            detach_items(execution, pending, rest)
            raise
        return result if pending is None else Pending(fill_pending, result, pending)

    return complete
