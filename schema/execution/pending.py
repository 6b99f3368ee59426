"""Pending values: parts of a response whose resolvers have to be awaited, and how a response is filled with them.

Work starts only when it is awaited, so that a pending value that nothing awaits leaves no coroutine behind.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Task, gather, get_running_loop, sleep
from collections.abc import Callable, Collection, Coroutine, Generator
from typing import Any


class Pending:
    """A value that a coroutine function will return; it is called when the value is awaited."""

    __slots__ = ("_arguments", "_function")

    def __init__(self, function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> None:
        self._function = function
        self._arguments = arguments

    def __await__(self) -> Generator[Any, None, Any]:
        return self._function(*self._arguments).__await__()

    def coroutine(self) -> Coroutine[Any, Any, Any]:
        """The coroutine, for a caller that awaits it at once: one frame fewer than ``__await__``."""
        return self._function(*self._arguments)

    def start(self, loop: AbstractEventLoop) -> Task[Any]:
        """Starts it as a task of its own."""
        return loop.create_task(self._function(*self._arguments))


def add_pending(pending: dict[Any, Any] | None, key: Any, value: Any) -> dict[Any, Any]:
    """Adds the pending value of a key or index. Most objects have none, and so no dictionary."""
    if pending is None:
        return {key: value}
    pending[key] = value
    return pending


async def fill_pending(response: Any, pending: dict[Any, Pending]) -> Any:
    """Awaits pending values, concurrently where there are several, and puts each in its place of an object or list.

    The first that fails cancels the others: its error makes the whole response object null.
    """
    if len(pending) == 1:
        [(key, value)] = pending.items()
        response[key] = await value.coroutine()
        return response
    loop = get_running_loop()
    tasks = [each.start(loop) for each in pending.values()]
    try:
        values = await gather(*tasks)
    except Exception:
        await _cancel(tasks)
        raise
    for key, value in zip(pending, values, strict=True):
        response[key] = value
    return response


async def fill_infallible(response: Any, pending: dict[Any, Pending]) -> Any:
    """The same where every pending value is nullable, and so handles its own errors: none has to cancel the others.

    The last value needs no task of its own: it starts behind the tasks of the others, and is awaited in place.
    """
    key, last = pending.popitem()
    if not pending:
        response[key] = await last.coroutine()
        return response
    loop = get_running_loop()
    tasks = {key: each.start(loop) for key, each in pending.items()}
    try:
        await sleep(0)
        response[key] = await last.coroutine()
        for key, task in tasks.items():
            response[key] = await task
    except BaseException:
        await _cancel(tasks.values())
        raise
    return response


async def _cancel(tasks: Collection[Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await gather(*tasks, return_exceptions=True)
