"""Whom the suite asks: one provider's adapter, connected to its sandbox over a real port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
import orders

from providers.adapter import Adapter
from providers.capability import Capabilities, Operation
from providers.clock import Clock
from providers.model import Content, Session, SessionKind
from providers.orders import Order
from providers.registry import Provider
from providers.saga import Steps
from providers.sandbox.app import Sandbox
from providers.sandbox.fault_injection import Fault, RecordedCall
from providers.settings import ProviderSettings

READS = ("GET", "HEAD")
_LOOKS = 300
_LOOK_EVERY = 0.5


class Haste(Clock):
    """Sleeping takes no time, but its hands move on by as much."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ahead += seconds
        await asyncio.sleep(0.002)


class Patience(Clock):
    """The same hands for a sandbox, which sleeps for as long as it says."""

    def __init__(self, haste: Haste) -> None:
        self._haste = haste

    def now(self) -> datetime:
        return self._haste.now()

    def monotonic(self) -> float:
        return self._haste.monotonic()


@dataclass
class Subject:
    """What every test of the suite has in hand."""

    provider: Provider
    sandbox: Sandbox
    settings: ProviderSettings
    adapter: Adapter
    clock: Haste
    url: str
    _made: int = field(default=0)

    @property
    def can(self) -> Capabilities:
        return self.provider.capabilities

    def order(self, **changes: object) -> Order:
        return orders.order(self.can, self.clock.now(), **changes)

    def draft(self) -> Order:
        """An order that stays a draft where the provider has drafts."""
        has_drafts = Operation.START_SESSION in declared(self.can)
        return self.order(start=not has_drafts)

    async def make(self, order: Order | None = None, steps: Steps | None = None) -> Session:
        """A new session, or a new record where the provider only keeps signatures."""
        self._made += 1
        if self.can.session_kind is SessionKind.RECORD:
            return await self.adapter.save_signature(await orders.signature(self.sandbox.authority, f"lease-{self._made}"))
        return await self.adapter.create_session(order or self.order(), steps or Steps())

    async def sign(self, session: Session) -> Session:
        """Everybody signs in turn, and the provider gets all the time it needs."""
        if not session.final:
            for key in session.parts or (session.key,):
                await self.sandbox.sign(key)
        return await self.settle(session)

    async def decline(self, session: Session) -> Session:
        """Whoever could sign first declines."""
        await self.sandbox.decline((session.parts or (session.key,))[0])
        return await self.settle(session)

    async def settle(self, session: Session) -> Session:
        """Looks until the session is final, for a bounded number of times."""
        for _ in range(_LOOKS):
            session = await self.adapter.fetch_session(session.key, session)
            if session.final:
                return session
            await self.clock.sleep(_LOOK_EVERY)
        raise AssertionError(f"{session.key} is still {session.status} ({session.provider_status})")

    async def break_next(self, **fault: object) -> None:
        """Asks the sandbox to fail, in the way that anybody can."""
        async with httpx.AsyncClient() as client:
            (await client.post(f"{self.url}/_sandbox/faults", json=fault)).raise_for_status()

    def calls_since(self, count: int) -> list[RecordedCall]:
        return list(self.sandbox.calls)[count:]


class BrokenWrite(Fault):
    """The write after the first ``skip`` ones goes wrong, however often it is tried again."""

    skip: int = 0
    target: tuple[str, str] | None = None

    def takes(self, scope: object) -> bool:
        call = (scope["method"], scope["path"])
        if self.target is None and call[0] not in READS and "token" not in call[1]:
            if self.skip == 0:
                self.target = call
            self.skip -= 1
        return call == self.target


def declared(can: Capabilities) -> frozenset[Operation]:
    return frozenset(each for each, capability in can.operations.items() if capability.support != "UNSUPPORTED")


async def read(content: Content) -> bytes:
    return b"".join([chunk async for chunk in content.chunks])
