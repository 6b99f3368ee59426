"""Lists of anything, as graphql-core completes them, whatever is in them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from contextlib import suppress
from typing import Any

from graphql import GraphQLError, GraphQLOutputType, Undefined, is_non_null_type, located_error
from graphql.pyutils import is_iterable
from strawberry.execution import optimized_is_awaitable as is_awaitable

from schema.execution.compiler.field import Complete, Field
from schema.execution.run import Path, Pending, Run, hold, join, keys


def absent(value: Any) -> bool:
    """Whether there is no value. An exception in place of a value is raised."""
    if isinstance(value, Exception):
        raise value
    return value is None or value is Undefined


def leave(run: Run, pending: dict[Any, Any] | None, rest: Iterable[Any]) -> None:
    """Lets go on by itself what is still to come of a list that is null already."""
    left = list((pending or {}).values())
    with suppress(Exception):
        left.extend(item for item in rest if is_awaitable(item))
    if left:
        run.leave(left)


class Items:
    """Lists of a type of item under a field."""

    def __init__(self, type_: GraphQLOutputType, field: Field, item: Complete) -> None:
        self._field = field
        self._item = item
        self._nullable = not is_non_null_type(type_)

    def complete(self, value: Any, run: Run, path: Path) -> Any:
        """What the answer shows of a list. Raises where it is none, and where it cannot be without an item that failed."""
        if absent(value):
            return None
        if isinstance(value, AsyncIterable):
            return Pending(self._from_async, value, run, path)
        if not is_iterable(value):
            raise GraphQLError(f"Expected Iterable, but did not find one for field '{self._field.label}'.")
        done: list[Any] = []
        pending: dict[Any, Any] | None = None
        rest = iter(value)
        try:
            for item in rest:
                shown = self.show(item, run, (path, len(done)))
                if type(shown) is Pending:
                    pending = hold(pending, len(done), shown)
                done.append(shown)
        except Exception:
            leave(run, pending, rest)
            raise
        return done if pending is None else Pending(join, done, pending)

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
                shown = self.show(item, run, (path, len(done)))
                if type(shown) is Pending:
                    pending = hold(pending, len(done), shown)
                done.append(shown)
        except Exception:
            with suppress(Exception):
                await items.aclose()  # type: ignore[attr-defined]
            leave(run, pending, ())
            raise
        return done if pending is None else await join(done, pending)

    def show(self, item: Any, run: Run, path: Path) -> Any:
        """What the answer shows of an item; ``Pending`` where that is still to come."""
        if is_awaitable(item):
            return Pending(self._awaited, item, run, path)
        try:
            shown = self._item(item, run, path)
        except Exception as error:
            return self._fail(error, run, path)
        return Pending(self.settled, shown, run, path) if type(shown) is Pending else shown

    async def _awaited(self, item: Any, run: Run, path: Path) -> Any:
        try:
            shown = self._item(await item, run, path)
            return await shown if type(shown) is Pending else shown
        except Exception as error:
            return self._fail(error, run, path)

    async def settled(self, shown: Any, run: Run, path: Path) -> Any:
        """What is still to come of an item, its errors held here."""
        try:
            return await shown
        except Exception as error:
            return self._fail(error, run, path)

    def _fail(self, error: Exception, run: Run, path: Path) -> None:
        located = located_error(error, self._field.nodes, keys(path))
        if not self._nullable:
            raise located
        run.add(located, path)
