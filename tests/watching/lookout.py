"""Poller and watcher in front of sandboxes on real ports: turn by turn under a set clock, or running by themselves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway.cache.shared_cache import SharedCache
from gateway.config import Settings, parse
from gateway.directory import Directory
from gateway.signing import Services, Signing
from gateway.store import Store
from gateway.sync.poller import Poller
from gateway.web.uploads import Uploads
from providers.adapter import Adapter
from providers.clock import Clock
from providers.model import ChangeSource, Session, SessionRef
from providers.registry import load, load_sandbox
from providers.saga import Steps
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from tests.servers import create_database

sys.path.append(str(Path(__file__).parents[1] / "contract"))
sys.path.append(str(Path(__file__).parents[1] / "distributed"))
import orders

START = datetime.fromisoformat("2026-03-04T05:06:07+00:00")


class Leap(Clock):
    """Stands still, but for those who sleep: the hands move on as far as they would have slept."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        until = self.at + seconds
        await asyncio.sleep(0)
        self.at = max(self.at, until)


class Shown(Clock):
    """The hands of another clock, for those whose sleep must not move them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()


@dataclass
class Lookout:
    """A gateway's parts, and somebody else who uses the same providers."""

    settings: Settings
    services: Services
    store: Store
    clock: Clock
    directory: Directory
    sandboxes: Mapping[str, Sandbox]
    others: Mapping[str, Adapter]
    made: int = field(default=0)

    @property
    def signing(self) -> Signing:
        return self.services.signing

    def poller(self, kind: str) -> Poller:
        return self.services.poller(kind)

    async def make(self, kind: str, *, known: bool = True) -> Session:
        """A session made by somebody else, that the gateway has been told of."""
        self.made += 1
        other = self.others[kind]
        if kind == "persist":
            order = await orders.signature(self.sandboxes[kind].authority, f"lease-{self.made}")
            session = await other.save_signature(order)
        else:
            order = orders.order(other.capabilities, self.clock.now(), documents=1, title=f"Lease {self.made}")
            session = await other.create_session(order, Steps())
        return await self.services.observation.observe(session, ChangeSource.READ) if known else session

    async def happen(self, session: Session) -> None:
        """Something happens to a session, which no provider tells of by itself."""
        if session.provider == "persist":
            changed = await orders.signature(self.sandboxes["persist"].authority, session.title or "")
            await self.others["persist"].save_signature(_next(changed, session))
        else:
            await self.sandboxes[session.provider].sign((session.parts or (session.key,))[0])

    async def follow(self, *sessions: Session) -> None:
        """Somebody follows these for half a minute."""
        await self.services.schedule.follow([each.ref for each in sessions], timedelta(seconds=30))

    async def known(self, ref: SessionRef) -> Session:
        return await self.signing.queries.last_known(ref)

    def calls(self, kind: str, since: int = 0) -> list[str]:
        """What the provider was asked, but for tokens."""
        return [call.path for call in list(self.sandboxes[kind].calls)[since:] if "token" not in call.path]

    def reads(self, kind: str, session: Session, since: int = 0) -> int:
        return sum(session.key in path for path in self.calls(kind, since))

    def count(self, kind: str) -> int:
        return len(self.sandboxes[kind].calls)


def _next(order: Any, session: Session) -> Any:
    from dataclasses import replace

    return replace(order, version=session.signatures[0].version, comment="again")


def configured(folder: Path, tables: list[dict[str, Any]], **sections: Mapping[str, Any]) -> Settings:
    table: dict[str, Any] = {
        "database": {"url": f"sqlite:///{folder / 'countersign.db'}"},
        "uploads": {"folder": str(folder / "uploads")},
        "freshness": {"open": 0, "final": 0},
    }
    return parse(table | dict(sections) | {"providers": tables}, {})


@asynccontextmanager
async def sandboxes_of(
    kinds: tuple[str, ...], authority: CertificateAuthority, clock: Clock, changes: Mapping[str, Any]
) -> AsyncIterator[tuple[dict[str, Sandbox], list[dict[str, Any]]]]:
    async with AsyncExitStack() as stack:
        running = {kind: load_sandbox(kind)(clock=Shown(clock), authority=authority) for kind in kinds}
        urls = {kind: await stack.enter_async_context(each.serving()) for kind, each in running.items()}
        yield running, [{**each.settings(urls[kind]), **changes} for kind, each in running.items()]


@asynccontextmanager
async def gateway_of(settings: Settings, clock: Clock, *, running: bool) -> AsyncIterator[tuple[Services, Store, Directory]]:
    """A gateway's parts; ``running`` by themselves, or waiting for whoever takes their turns."""
    async with AsyncExitStack() as stack:
        store = await Store.open(SecretStr(settings.database.url.get_secret_value()))
        stack.push_async_callback(store.close)
        directory = Directory.open(settings.providers, clock)
        stack.push_async_callback(directory.close)
        services = Services(
            settings, directory, store, Uploads(settings.uploads, store.uploads, clock), SharedCache(None, None, clock), clock
        )
        stack.push_async_callback(services.close)
        if running:
            await services.open()
        yield services, store, directory


@asynccontextmanager
async def lookout(
    folder: Path,
    authority: CertificateAuthority,
    *kinds: str,
    clock: Clock | None = None,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    **changes: Any,
) -> AsyncIterator[Lookout]:
    """Taken turn by turn under a ``Leap``, running by itself under any other clock. ``changes`` are of the providers."""
    time = clock or Leap()
    async with AsyncExitStack() as stack:
        sandboxes, tables = await stack.enter_async_context(sandboxes_of(kinds, authority, time, changes))
        create_database(folder / "countersign.db")
        settings = configured(folder, tables, **(sections or {}))
        others = {}
        for each in tables:
            record = load(each["kind"])
            others[each["kind"]] = await stack.enter_async_context(record.adapter(record.settings(**each), clock=Shown(time)))
        parts = await stack.enter_async_context(gateway_of(settings, time, running=not isinstance(time, Leap)))
        services, store, directory = parts
        yield Lookout(settings, services, store, time, directory, sandboxes, others)


async def pass_(clock: Clock, seconds: float) -> None:
    assert isinstance(clock, Leap)
    clock.at += seconds


async def through(clock: Clock, seconds: float, *turns: Callable[[], Any]) -> None:
    """Takes turns whenever each is due, until so much time has passed."""
    assert isinstance(clock, Leap)
    end = clock.at + seconds
    due = [clock.at] * len(turns)
    while (at := min(due)) < end:
        clock.at = max(clock.at, at)
        place = due.index(at)
        wait = await turns[place]()
        due[place] = clock.at + max(wait, 0.01)
    clock.at = max(clock.at, end)
