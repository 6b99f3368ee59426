"""Single flight: concurrent callers of one key share one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Call(Generic[T]):
    """A call under way, and how many wait for it. The holder of the ``turn`` makes it, or takes its result.

    The lock is made for the second caller: most calls have one alone, who needs none.
    """

    __slots__ = ("callers", "done", "error", "result", "turn")

    result: T

    def __init__(self) -> None:
        self.callers = 0
        self.done = False
        self.error: Exception | None = None
        self.turn: asyncio.Lock | None = None

    async def wait_turn(self) -> None:
        """Waits for the turn, first come first served."""
        if self.turn is None:
            self.turn = asyncio.Lock()
            await self.turn.acquire()  # on behalf of the first caller, who has the turn
        await self.turn.acquire()


class SingleFlight(Generic[T]):
    """Deduplicates concurrent calls by key. The first caller makes the call; where it is cancelled, the next makes it anew.

    Callers are released in the order in which they came, one by one: the first is answered, and the event loop reads what
    has come in, before the last goes on. Released at once, all would be as late as the last.
    """

    def __init__(self) -> None:
        self._calls: dict[Hashable, _Call[T]] = {}

    async def do(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The result of the call that is under way for this key, or else of ``make``."""
        call, is_first = self._calls.get(key), False
        if call is None:
            call, is_first = _Call(), True
            self._calls[key] = call
        call.callers += 1
        try:
            if not is_first:
                await call.wait_turn()
            try:
                if call.error is not None:
                    raise call.error
                if not call.done:
                    call.result = await make()
                    call.done = True
                return call.result
            finally:
                if call.turn is not None:
                    call.turn.release()
        except Exception as error:
            call.error = error
            raise
        finally:
            call.callers -= 1
            over = call.done or call.error is not None or not call.callers
            if over and self._calls.get(key) is call:
                del self._calls[key]
