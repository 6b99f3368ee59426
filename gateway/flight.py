"""Single flight: however many ask for the same thing at once, it is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Piece(Generic[T]):
    """Work under way, and how many wait for it."""

    __slots__ = ("askers", "task")

    def __init__(self, work: Callable[[], Awaitable[T]], name: str) -> None:
        self.task = asyncio.create_task(_run(work), name=name)
        self.askers = 0


class Flight(Generic[T]):
    """Work in progress by its key. Each piece ends with its last asker, unless ``close`` ends it first."""

    def __init__(self) -> None:
        self._pieces: dict[Hashable, _Piece[T]] = {}
        self._ending: set[asyncio.Task[T]] = set()

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of work that is under way under this key, or else of this work."""
        piece = self._pieces.get(key)
        if piece is None or piece.task.done():
            piece = self._pieces[key] = _Piece(work, f"flight of {type(key).__name__}")
            piece.task.add_done_callback(self._land)
        piece.askers += 1
        try:
            return await asyncio.shield(piece.task)
        finally:
            piece.askers -= 1
            if piece.askers == 0 and self._pieces.get(key) is piece:
                del self._pieces[key]  # whoever asks from now on gets work of their own
                if not piece.task.done():
                    self._ending.add(piece.task)
                    piece.task.cancel()

    async def close(self) -> None:
        """Ends what is under way."""
        tasks = [piece.task for piece in self._pieces.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._ending, return_exceptions=True)

    def _land(self, task: asyncio.Task[T]) -> None:
        self._ending.discard(task)
        if not task.cancelled():
            task.exception()


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
