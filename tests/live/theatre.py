"""Theatre: a schema for tests behind the gateway's transports, whose sources record when they end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from gateway.auth.authentication import Authentication
from gateway.cache.shared_cache import SharedCache
from gateway.config import Settings, parse
from gateway.server.server import serve_app
from providers.clock import Clock
from providers.errors import NotFound
from schema.context import Context, Info
from schema.root import Schema
from schema.transport.connections import Connections
from schema.transport.endpoint import Endpoint
from schema.types.binding import followed


@dataclass
class Ledger:
    """What the sources have done. Those that are ``kept`` are not ended by being forgotten."""

    begun: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    kept: list[Any] = field(default_factory=list)
    mutations: int = 0
    events: Any = field(default_factory=lambda: SimpleNamespace(head_cursor=None))


@dataclass
class Event:
    """Something with a cursor."""

    number: int

    @property
    def cursor(self) -> str:
        return f"c{self.number}"


@strawberry.type
class Numbered:
    number: int

    @strawberry.field
    def context(self, info: Info) -> strawberry.ID:
        return strawberry.ID(str(id(info.context)))

    @classmethod
    def is_type_of(cls, value: object, info: object) -> bool:
        return isinstance(value, Event)


def _ledger(info: Info) -> Ledger:
    found: Any = info.context.signing
    ledger: Ledger = found
    return ledger


async def _count(info: Info, to: int = 3) -> AsyncIterator[int]:
    for number in range(to):
        yield number


async def _numbered(info: Info, after: str | None = None) -> AsyncIterator[Event]:
    behind = info.context.resume_after or after
    first = int(behind.removeprefix("c")) + 1 if behind else 0

    async def source() -> AsyncIterator[Event]:
        for number in range(first, first + 3):
            yield Event(number)

    return source()


async def _idle(info: Info, name: str = "idle") -> AsyncIterator[int]:
    ledger = _ledger(info)
    ledger.begun[name] += 1
    try:
        yield 0
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        ledger.ended[name] += 1


async def _flood(info: Info, size: int, name: str = "flood") -> AsyncIterator[str]:
    ledger = _ledger(info)
    ledger.kept.append(_flooding(ledger, size, name))
    return ledger.kept[-1]


async def _flooding(ledger: Ledger, size: int, name: str) -> AsyncIterator[str]:
    try:
        while True:
            ledger.given[name] += 1
            yield "x" * size
            await asyncio.sleep(0)
    finally:
        ledger.ended[name] += 1


async def _burst(info: Info, size: int = 8 * 2**20) -> AsyncIterator[str]:
    ledger = _ledger(info)
    ledger.begun["burst"] += 1
    try:
        yield "x" * size
        await asyncio.Event().wait()
    finally:
        ledger.ended["burst"] += 1


async def _tick(info: Info) -> AsyncIterator[int]:
    number = 0
    while True:
        yield number
        number += 1
        await asyncio.sleep(0.01)


async def _refused(info: Info) -> AsyncIterator[int]:
    raise NotFound("There is nothing of that name.", path=("name",))


async def _breaks(info: Info) -> AsyncIterator[int]:
    yield 1
    raise NotFound("It is gone.")


async def _bug(info: Info) -> AsyncIterator[int]:
    yield 1
    raise LookupError("a secret of the house")


def _answer() -> int:
    return 42


def _add(info: Info) -> int:
    _ledger(info).mutations += 1
    return _ledger(info).mutations


@strawberry.type
class Query:
    answer: int = strawberry.field(resolver=_answer)


@strawberry.type
class Mutation:
    add: int = strawberry.mutation(resolver=_add)


@strawberry.type
class Subscription:
    count: AsyncIterator[int] = followed(_count, "Counts.")
    numbered: AsyncIterator[Numbered] = followed(_numbered, "Has cursors.")
    idle: AsyncIterator[int] = followed(_idle, "Says one thing, and waits.")
    flood: AsyncIterator[str] = followed(_flood, "Never stops.")
    burst: AsyncIterator[str] = followed(_burst, "Says one big thing, and waits.")
    tick: AsyncIterator[int] = followed(_tick, "A hundred a second.")
    refused: AsyncIterator[int] = followed(_refused, "Does not begin.")
    breaks: AsyncIterator[int] = followed(_breaks, "Ends badly.")
    bug: AsyncIterator[int] = followed(_bug, "Ends worse.")


SCHEMA = Schema(query=Query, mutation=Mutation, subscription=Subscription)


@dataclass
class Theatre:
    """Where it plays, what the sources have done, and who is listening."""

    address: str
    ledger: Ledger
    connections: Connections
    settings: Settings

    async def until(self, counter: Counter[str], name: str, count: int = 1) -> None:
        """Waits until something has been counted so often, for five seconds at most."""
        for _ in range(1000):
            if counter[name] >= count:
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"{name}: {counter[name]} of {count}")


@asynccontextmanager
async def theatre(**changes: float) -> AsyncIterator[Theatre]:
    """The transports over our schema, on a real port. ``changes`` are those of the section ``live``."""
    settings = parse({"live": changes}, {})
    ledger: Any = Ledger()
    connections = Connections(settings.live.heartbeat)
    clock = Clock()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        connections.open()
        yield
        await connections.close()

    authentication = Authentication(settings, SharedCache(None, None, clock), clock)
    endpoint = Endpoint(
        SCHEMA, lambda viewer: Context(ledger, viewer, clock, 100), authentication, connections, settings, clock
    )
    app = Starlette(routes=[Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)], lifespan=lifespan)
    async with serve_app(app, write_timeout=2 * settings.live.patience, on_shutdown=connections.close) as address:
        yield Theatre(address, ledger, connections, settings)
