"""Single flight: however many ask for the same thing at once, it is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Piece(Generic[T]):
    """Work under way, and how many ask for it. Whoever has the ``turn`` does it, or else takes what has come of it."""

    __slots__ = ("askers", "done", "error", "result", "turn")

    result: T

    def __init__(self) -> None:
        self.askers = 0
        self.done = False
        self.error: Exception | None = None
        self.turn = asyncio.Lock()


class Flight(Generic[T]):
    """Work under way by its key. Whoever asks first does it for all; where they leave, the next one begins it anew.

    All go on in the order in which they came, one by one: the first is answered, and what has come in meanwhile is
    looked at, before the last goes on. At once, all would be as late as the last.
    """

    def __init__(self) -> None:
        self._pieces: dict[Hashable, _Piece[T]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of work that is under way under this key, or else of this work."""
        piece = self._pieces.get(key)
        if piece is None:
            piece = self._pieces[key] = _Piece()
        piece.askers += 1
        try:
            async with piece.turn:
                if piece.error is not None:
                    raise piece.error
                if not piece.done:
                    piece.result = await work()
                    piece.done = True
                return piece.result
        except Exception as error:
            piece.error = error
            raise
        finally:
            piece.askers -= 1
            over = piece.done or piece.error is not None or not piece.askers
            if over and self._pieces.get(key) is piece:
                del self._pieces[key]
