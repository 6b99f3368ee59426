"""Single flight: however many ask for the same thing at once, it is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Piece(Generic[T]):
    """Work under way, and who waits for it. Where it is neither ``done`` nor an ``error``, whoever did it has left."""

    __slots__ = ("done", "error", "result", "waiting")

    result: T

    def __init__(self) -> None:
        self.done = False
        self.error: Exception | None = None
        self.waiting: list[asyncio.Future[None]] = []

    def end(self) -> None:
        for turn in self.waiting:
            if not turn.done():
                turn.set_result(None)


class Flight(Generic[T]):
    """Work under way by its key. Whoever asks first does it for all; where they leave, the next one begins it anew."""

    def __init__(self) -> None:
        self._pieces: dict[Hashable, _Piece[T]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of work that is under way under this key, or else of this work."""
        while (piece := self._pieces.get(key)) is not None:
            turn = asyncio.get_running_loop().create_future()
            piece.waiting.append(turn)
            await turn
            if piece.error is not None:
                raise piece.error
            if piece.done:
                return piece.result
        piece = self._pieces[key] = _Piece()
        try:
            piece.result = await work()
            piece.done = True
        except Exception as error:
            piece.error = error
            raise
        finally:
            del self._pieces[key]
            piece.end()
        return piece.result
