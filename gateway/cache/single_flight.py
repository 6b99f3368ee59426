"""Single flight: however many ask for the same thing at once, it is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Piece(Generic[T]):
    """Work under way, and how many ask for it. Whoever has the ``turn`` does it, or else takes what has come of it.

    There are turns from the second asker on: most work is asked for by one alone, who has it from the beginning.
    """

    __slots__ = ("askers", "done", "error", "result", "turn")

    result: T

    def __init__(self) -> None:
        self.askers = 0
        self.done = False
        self.error: Exception | None = None
        self.turn: asyncio.Lock | None = None

    async def queue(self) -> None:
        """Waits for the turn, behind whoever has come before."""
        if self.turn is None:
            self.turn = asyncio.Lock()
            await self.turn.acquire()  # for the first, who has it
        await self.turn.acquire()


class Flight(Generic[T]):
    """Work under way by its key. Whoever asks first does it for all; where they leave, the next one begins it anew.

    All go on in the order in which they came, one by one: the first is answered, and what has come in meanwhile is
    looked at, before the last goes on. At once, all would be as late as the last.
    """

    def __init__(self) -> None:
        self._pieces: dict[Hashable, _Piece[T]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of work that is under way under this key, or else of this work."""
        piece, alone = self._pieces.get(key), False
        if piece is None:
            piece, alone = _Piece(), True
            self._pieces[key] = piece
        piece.askers += 1
        try:
            if not alone:
                await piece.queue()
            try:
                if piece.error is not None:
                    raise piece.error
                if not piece.done:
                    piece.result = await work()
                    piece.done = True
                return piece.result
            finally:
                if piece.turn is not None:
                    piece.turn.release()
        except Exception as error:
            piece.error = error
            raise
        finally:
            piece.askers -= 1
            over = piece.done or piece.error is not None or not piece.askers
            if over and self._pieces.get(key) is piece:
                del self._pieces[key]
