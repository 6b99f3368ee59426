"""Single flight: however many ask for the same thing at once, it is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """Work in progress by its key. Each piece ends with its last asker, unless ``close`` ends it first."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[T]] = {}
        self._askers: dict[Hashable, int] = {}
        self._ending: set[asyncio.Task[T]] = set()

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of work that is under way under this key, or else of this work."""
        task = self._tasks.get(key)
        if task is None or task.done():
            task = self._tasks[key] = asyncio.create_task(_run(work), name=f"flight of {type(key).__name__}")
            self._askers[key] = 0
            task.add_done_callback(lambda done: self._land(key, done))
        self._askers[key] += 1
        try:
            return await asyncio.shield(task)
        finally:
            if self._tasks.get(key) is task:
                self._askers[key] -= 1
                if self._askers[key] == 0:
                    del self._tasks[key], self._askers[key]  # whoever asks from now on gets work of their own
                    self._ending.add(task)
                    task.cancel()

    async def close(self) -> None:
        """Ends what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._ending, return_exceptions=True)

    def _land(self, key: Hashable, task: asyncio.Task[T]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key], self._askers[key]
        self._ending.discard(task)
        if not task.cancelled():
            task.exception()


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
