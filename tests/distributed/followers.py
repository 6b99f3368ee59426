"""Three who follow every event, each in its own way, and keep what they were told in the order in which it came."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.exceptions import WebSocketException

from gateway.store import parse_event_cursor
from tests.liveclient import Closed, events, live

QUERY = """subscription Follow($after: String) {
  sessionEvents(after: $after) { cursor type from to session { id status } participant { key } }
}"""
BEGINNING = urlsafe_b64encode(b"event:0").decode().rstrip("=")
_PATIENCE = 120.0
_GONE = (OSError, WebSocketException, httpx.HTTPError, Closed, TimeoutError, json.JSONDecodeError)

Told = dict[str, Any]


def number(cursor: str) -> int:
    """What only the gateway may read in a cursor, and a test."""
    parsed = parse_event_cursor(cursor)
    assert parsed is not None
    return parsed.seq


@dataclass
class Follower:
    """Follows at one gateway after another; ``reconnects`` counts how often it had to."""

    name: str
    addresses: Sequence[str]
    told: list[Told] = field(default_factory=list)
    heard: dict[tuple[str, str], asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    reconnects: int = -1
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def last(self) -> str:
        return self.told[-1]["cursor"] if self.told else BEGINNING

    def keep(self, result: dict[str, Any]) -> None:
        assert "errors" not in result, result
        event = result["data"]["sessionEvents"]
        self.told.append(event)
        if event["to"]:
            self.heard[event["session"]["id"], event["to"]].set()

    async def hears(self, session: str, status: str) -> None:
        """Waits until it was told that a session has a status."""
        async with asyncio.timeout(_PATIENCE):
            await self.heard[session, status].wait()

    async def follow(self, once: Callable[[str], Awaitable[None]]) -> None:
        """Tries one gateway after the other, for as long as it is let."""
        for attempt in range(1_000_000):
            try:
                await once(self.addresses[attempt % len(self.addresses)])
            except _GONE:
                await asyncio.sleep(0.05)

    async def run(self) -> None:
        raise NotImplementedError


class Steady(Follower):
    """Keeps its connection."""

    async def run(self) -> None:
        await self.follow(self._once)

    async def _once(self, address: str) -> None:
        async with live(address) as client:
            self.reconnects += 1
            self.begun.set()
            async with aclosing(client.subscribe(QUERY, {"after": self.last})) as results:  # type: ignore[type-var]
                async for result in results:
                    self.keep(result)


class Cut(Follower):
    """Its connection breaks every few seconds; it resumes behind the last cursor that it has seen."""

    chance = random.Random(1)

    async def run(self) -> None:
        await self.follow(self._once)

    async def _once(self, address: str) -> None:
        async with live(address) as client:
            self.reconnects += 1
            self.begun.set()
            cutting = asyncio.get_running_loop().call_later(self.chance.uniform(1, 4), client.socket.transport.abort)
            try:
                async with aclosing(client.subscribe(QUERY, {"after": self.last})) as results:  # type: ignore[type-var]
                    async for result in results:
                        self.keep(result)
            finally:
                cutting.cancel()


class Stream(Follower):
    """Follows by server-sent events; says by ``Last-Event-ID`` where it was."""

    async def run(self) -> None:
        await self.follow(self._once)

    async def _once(self, address: str) -> None:
        async with events(address, QUERY, headers={"last-event-id": self.last}) as stream:
            self.reconnects += 1
            self.begun.set()
            async for result in stream.results():
                self.keep(result)
                assert stream.last == self.last, "the id of an event is its cursor"


def verdict(told: Sequence[Told], log: Sequence[int]) -> tuple[int, int, int]:
    """How many events of the log a follower lost, was told twice, and was told out of order."""
    numbers = [number(event["cursor"]) for event in told]
    return (
        len(set(log) - set(numbers)),
        len(numbers) - len(set(numbers)),
        sum(a > b for a, b in itertools.pairwise(numbers)),
    )
