"""Live connections: one heartbeat task for all open subscriptions, and their graceful drain when the gateway stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Protocol

from gateway.task import cancel_and_wait

_BATCH = 200


class LiveConnection(Protocol):
    """An open connection that carries subscriptions."""

    def send_heartbeat(self) -> None:
        """Sends a heartbeat if that needs no waiting, because one task serves thousands of connections in a row."""

    async def drain(self) -> None:
        """Tells the client to reconnect, and ends its operations."""


class Connections:
    """Registry of live connections. ``heartbeat`` is the interval in seconds."""

    def __init__(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._live: set[LiveConnection] = set()
        self._task: asyncio.Task[None] | None = None
        self.closing = False
        """Whether new connections are refused."""

    def __len__(self) -> int:
        return len(self._live)

    def open(self) -> None:
        """Starts the heartbeat."""
        self.closing = False
        self._task = asyncio.create_task(self._send_heartbeats(), name="heartbeat of live connections")

    async def close(self) -> None:
        """Drains every connection concurrently, and refuses new ones. Does nothing the second time."""
        self.closing = True
        await cancel_and_wait(self._task)
        await asyncio.gather(*(each.drain() for each in self._live), return_exceptions=True)

    @contextmanager
    def registered(self, connection: LiveConnection) -> Iterator[None]:
        """Registers a connection while it is open."""
        self._live.add(connection)
        try:
            yield
        finally:
            self._live.discard(connection)

    async def _send_heartbeats(self) -> None:
        # By the loop's time and not by the gateway's clock, because timeouts of sockets go by it.
        while True:
            await asyncio.sleep(self._heartbeat)
            for place, each in enumerate(tuple(self._live)):
                if each in self._live:
                    each.send_heartbeat()
                if place % _BATCH == _BATCH - 1:
                    await asyncio.sleep(0)


def send_nowait(sending: Awaitable[None]) -> bool:
    """Sends if that needs no waiting, as for a slow consumer's full buffer; returns whether it was sent."""
    step = sending.__await__()
    try:
        next(step)
    except StopIteration:
        return True
    except (OSError, RuntimeError):
        return False  # it is closed, which its reader is about to see
    step.close()
    return False
