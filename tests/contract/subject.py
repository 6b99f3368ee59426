"""Subject under test: one provider's adapter, connected to its sandbox over a real port."""

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
_MOST_READS = 300
_READ_INTERVAL = 0.5


class FastForwardClock(Clock):
    """Fast-forward clock: a sleep takes no time, and advances the clock."""

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


class SandboxClock(Clock):
    """The clock of a sandbox: tells the adapter's time, and sleeps for real."""

    def __init__(self, adapter_clock: FastForwardClock) -> None:
        self._adapter_clock = adapter_clock

    def now(self) -> datetime:
        return self._adapter_clock.now()

    def monotonic(self) -> float:
        return self._adapter_clock.monotonic()


@dataclass
class Subject:
    """Subject under test, with helpers that fit every provider."""

    provider: Provider
    sandbox: Sandbox
    settings: ProviderSettings
    adapter: Adapter
    clock: FastForwardClock
    url: str
    _made: int = field(default=0)

    @property
    def can(self) -> Capabilities:
        return self.provider.capabilities

    def order(self, **changes: object) -> Order:
        return orders.order(self.can, self.clock.now(), **changes)

    def draft(self) -> Order:
        """An order that is not started, where the provider has drafts."""
        has_drafts = Operation.START_SESSION in declared(self.can)
        return self.order(start=not has_drafts)

    async def make(self, order: Order | None = None, steps: Steps | None = None) -> Session:
        """Creates a session, or a record where the provider stores signatures."""
        self._made += 1
        if self.can.session_kind is SessionKind.RECORD:
            return await self.adapter.save_signature(await orders.signature(self.sandbox.authority, f"lease-{self._made}"))
        return await self.adapter.create_session(order or self.order(), steps or Steps())

    async def sign(self, session: Session) -> Session:
        """Has every participant sign, and reads until the session is final."""
        if not session.final:
            for key in session.parts or (session.key,):
                await self.sandbox.sign(key)
        return await self.settle(session)

    async def decline(self, session: Session) -> Session:
        """Has the first participant decline, and reads until the session is final."""
        await self.sandbox.decline((session.parts or (session.key,))[0])
        return await self.settle(session)

    async def settle(self, session: Session) -> Session:
        """Reads until the session is final, a bounded number of times."""
        for _ in range(_MOST_READS):
            session = await self.adapter.fetch_session(session.key, session)
            if session.final:
                return session
            await self.clock.sleep(_READ_INTERVAL)
        raise AssertionError(f"{session.key} is still {session.status} ({session.provider_status})")

    async def break_next(self, **fault: object) -> None:
        """Injects a fault over the control API."""
        async with httpx.AsyncClient() as client:
            (await client.post(f"{self.url}/_sandbox/faults", json=fault)).raise_for_status()

    def calls_since(self, count: int) -> list[RecordedCall]:
        return list(self.sandbox.calls)[count:]


class BrokenWrite(Fault):
    """Fails the write after the first ``skip`` ones, and every retry of it."""

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
