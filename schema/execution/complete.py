"""What the answer shows of a value, by the type of its field: graphql-core's rules, decided once per operation."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Collection, Iterator
from contextlib import suppress
from types import CoroutineType
from typing import Any, cast

from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    Undefined,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    located_error,
)
from graphql.execution import Executor
from graphql.execution.executor import invalid_return_type_error
from graphql.pyutils import is_iterable
from strawberry.execution import optimized_is_awaitable as is_awaitable

from schema.execution.field import Complete, Field
from schema.execution.known import Known
from schema.execution.run import Path, Run, Select, hold, join, keys


def completion(type_: GraphQLOutputType, field: Field, known: Known) -> Complete:
    """How values of this type are shown under this field."""
    if is_non_null_type(type_):
        return _present(completion(type_.of_type, field, known), field)
    if is_list_type(type_):
        return _List(type_.of_type, field, completion(type_.of_type, field, known), known)
    if is_leaf_type(type_):
        return _leaf(Executor.complete_leaf_value, type_)
    if is_abstract_type(type_):
        return _abstract(type_, field, known)
    type_ = cast(GraphQLObjectType, type_)
    return _object(type_, field, field.selecting(type_), known)


def _present(inner: Complete, field: Field) -> Complete:
    message = f"Cannot return null for non-nullable field {field.label}."

    def complete(value: Any, run: Run, path: Path) -> Any:
        completed = inner(value, run, path)
        if completed is None:
            raise TypeError(message)
        return completed

    return complete


def _leaf(by: Callable[[Any, Any], Any], type_: Any) -> Complete:
    def complete(value: Any, run: Run, path: Path) -> Any:
        return None if _absent(value) else by(type_, value)

    return complete


def _object(type_: GraphQLObjectType, field: Field, select: Select, known: Known) -> Complete:
    accepted = known.classes(type_)

    def complete(value: Any, run: Run, path: Path) -> Any:
        if type(value) in accepted:
            return select(value, run, path)
        if _absent(value):
            return None
        _check(type_, value, field, run, path)
        known.accept(type_, type(value))
        return select(value, run, path)

    return complete


def _abstract(type_: GraphQLInterfaceType | GraphQLUnionType, field: Field, known: Known) -> Complete:
    def complete(value: Any, run: Run, path: Path) -> Any:
        found = known.member(type_, type(value))
        if found is None:
            if _absent(value):
                return None
            info = field.core_info(run, path)
            name = (type_.resolve_type or run.core.type_resolver)(value, info, type_)
            details: Any = [_Detail(node) for node in field.nodes]
            found = run.core.ensure_valid_runtime_type(name, type_, details, info, value)
            _check(found, value, field, run, path)
            known.assign(type_, type(value), found)
        return field.selecting(found)(value, run, path)

    return complete


class _Detail:
    """As much of graphql-core's field details as its messages look at."""

    def __init__(self, node: Any) -> None:
        self.node = node


def _check(type_: GraphQLObjectType, value: Any, field: Field, run: Run, path: Path) -> None:
    if type_.is_type_of is not None and not type_.is_type_of(value, field.core_info(run, path)):
        details: Any = [_Detail(node) for node in field.nodes]
        raise invalid_return_type_error(type_, value, details)


def _absent(value: Any) -> bool:
    """Whether there is no value. An exception in place of a value is raised."""
    if isinstance(value, Exception):
        raise value
    return value is None or value is Undefined


class _List:
    """Lists of a type of item. Called with a list, it completes it."""

    def __init__(self, type_: GraphQLOutputType, field: Field, item: Complete, known: Known) -> None:
        self._field = field
        self._item = item
        self._nullable = not is_non_null_type(type_)
        self._accepted: Collection[type] = ()
        self._select: Select | None = None
        if is_non_null_type(type_) and isinstance(type_.of_type, GraphQLObjectType):
            self._accepted = known.classes(type_.of_type)
            self._select = field.selecting(type_.of_type)

    def __call__(self, value: Any, run: Run, path: Path) -> Any:
        if type(value) is not tuple and type(value) is not list:
            if _absent(value):
                return None
            if isinstance(value, AsyncIterable):
                return self._from_async(value, run, path)
            if not is_iterable(value):
                raise GraphQLError(f"Expected Iterable, but did not find one for field '{self._field.label}'.")
        accepted, select = self._accepted, self._select
        done: list[Any] = []
        pending: dict[Any, Any] | None = None
        items = iter(value)
        try:
            for item in items:
                place = len(done)
                if select is not None and type(item) in accepted:
                    shown = select(item, run, (path, place))
                    if type(shown) is CoroutineType:
                        shown = self._settled(shown, run, (path, place))
                else:
                    shown = self._show(item, run, (path, place))
                if type(shown) is CoroutineType:
                    pending = hold(pending, place, shown)
                done.append(shown)
        except Exception:
            left = [*(pending or {}).values(), *_awaitables(items)]
            if left:
                run.leave(left)
            raise
        return done if pending is None else join(done, pending)

    async def _from_async(self, values: AsyncIterable[Any], run: Run, path: Path) -> Any:
        done: list[Any] = []
        pending: dict[Any, Any] | None = None
        items = aiter(values)
        try:
            while True:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    break
                except Exception as error:
                    raise located_error(error, self._field.nodes, keys(path)) from error
                shown = self._show(item, run, (path, len(done)))
                if type(shown) is CoroutineType:
                    pending = hold(pending, len(done), shown)
                done.append(shown)
        except Exception:
            with suppress(Exception):
                await items.aclose()  # type: ignore[attr-defined]
            if pending:
                run.leave(list(pending.values()))
            raise
        return done if pending is None else await join(done, pending)

    def _show(self, item: Any, run: Run, path: Path) -> Any:
        if is_awaitable(item):
            return self._awaited(item, run, path)
        try:
            shown = self._item(item, run, path)
        except Exception as error:
            return self._fail(error, run, path)
        return self._settled(shown, run, path) if type(shown) is CoroutineType else shown

    async def _awaited(self, item: Any, run: Run, path: Path) -> Any:
        try:
            shown = self._item(await item, run, path)
            return await shown if type(shown) is CoroutineType else shown
        except Exception as error:
            return self._fail(error, run, path)

    async def _settled(self, shown: Any, run: Run, path: Path) -> Any:
        try:
            return await shown
        except Exception as error:
            return self._fail(error, run, path)

    def _fail(self, error: Exception, run: Run, path: Path) -> None:
        located = located_error(error, self._field.nodes, keys(path))
        if not self._nullable:
            raise located
        run.add(located, path)


def _awaitables(items: Iterator[Any]) -> list[Any]:
    found: list[Any] = []
    with suppress(Exception):
        found.extend(item for item in items if is_awaitable(item))
    return found
