"""Who is listening: one heartbeat for all of them, and a word of farewell when the gateway stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Protocol

from gateway.task import cancel_and_wait

_BATCH = 200


class Live(Protocol):
    """A connection that is open."""

    def beat(self) -> None:
        """Lets the client hear that we are there. Waits for nothing, as thousands are served in a row."""

    async def dismiss(self) -> None:
        """Tells the client that we stop and that it may come again, and ends what it listens to."""


class Connections:
    """Every open connection that carries subscriptions. ``heartbeat`` is in seconds."""

    def __init__(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._live: set[Live] = set()
        self._task: asyncio.Task[None] | None = None
        self.closing = False
        """Whether new ones are refused."""

    def __len__(self) -> int:
        return len(self._live)

    def open(self) -> None:
        """Begins the heartbeat."""
        self.closing = False
        self._task = asyncio.create_task(self._beat(), name="heartbeat of live connections")

    async def close(self) -> None:
        """Dismisses everybody, all at once; nobody is let in afterwards. Does nothing the second time."""
        self.closing = True
        await cancel_and_wait(self._task)
        await asyncio.gather(*(each.dismiss() for each in self._live), return_exceptions=True)

    @contextmanager
    def holding(self, live: Live) -> Iterator[None]:
        """Counts a connection among the open ones for as long as it lasts."""
        self._live.add(live)
        try:
            yield
        finally:
            self._live.discard(live)

    async def _beat(self) -> None:
        # Of the network's time, not of the clock that the rest goes by: this is about sockets.
        while True:
            await asyncio.sleep(self._heartbeat)
            for place, each in enumerate(tuple(self._live)):
                if each in self._live:
                    each.beat()
                if place % _BATCH == _BATCH - 1:
                    await asyncio.sleep(0)


def at_once(sending: Awaitable[None]) -> bool:
    """Sends what can be sent without waiting, and otherwise does not; says whether it was sent.

    A heartbeat for everybody must not wait for somebody.
    """
    step = sending.__await__()
    try:
        next(step)
    except StopIteration:
        return True
    except (OSError, RuntimeError):
        return False  # it is closed, and whoever reads from it is about to hear so
    step.close()
    return False
