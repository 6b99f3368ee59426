"""Watcher from end to end: from a change at a provider to its followers, with everything running by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from lookout import Lookout, configured, gateway_of, lookout

from gateway.store import EventFilter
from gateway.sync.watcher import Watcher
from providers.clock import Clock
from providers.model import ChangeSource, Session, SessionStatus
from providers.model.change import ChangeType
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.fault_injection import Fault

KINDS = ("signicat", "seal", "easyink", "persist")
FAST = {"poll_interval": 0.4, "poll_interval_watched": 0.2, "poll_budget": 100_000}
SLACK = 0.6
"""What a busy machine may add to an interval; how long it really takes is for a benchmark to say."""


def watcher(out: Lookout) -> Watcher:
    return out.services.watcher


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 10) -> float:
    begun = time.monotonic()
    while not await true():
        assert time.monotonic() - begun < seconds, "never"
        await asyncio.sleep(0.01)
    return time.monotonic() - begun


async def watched(out: Lookout) -> None:
    async def true() -> bool:
        return watcher(out).watched == frozenset(out.sandboxes)

    await until(true)


@asynccontextmanager
async def another(out: Lookout, folder: Path):
    """Another gateway on the same database, in front of the same providers."""
    async with gateway_of(out.settings, Clock(), running=True) as (services, store, directory):
        yield Lookout(out.settings, services, store, Clock(), directory, out.sandboxes, out.others)


async def told(follower: Lookout, session: Session, happen: Callable[[], Awaitable[None]]) -> float:
    """Seconds from a change at the provider until a follower of the session's events hears of it."""
    later = [each for each in ChangeType if each is not ChangeType.CREATED]

    async def hear() -> float:
        async with aclosing(
            await follower.signing.events.subscribe(EventFilter(sessions=[session.ref], types=later))
        ) as events:
            async for event in events:
                if event.source is ChangeSource.POLL:
                    return time.monotonic()
        raise AssertionError("the log has no end")

    hearing = asyncio.ensure_future(hear())
    await asyncio.sleep(3 * FAST["poll_interval_watched"])
    await happen()
    happened = time.monotonic()
    return await asyncio.wait_for(hearing, 15) - happened


@pytest.mark.parametrize("kind", KINDS)
async def test_follower_hears_of_change_within_interval(tmp_path: Path, authority: CertificateAuthority, kind: str) -> None:
    changes = FAST | {"poll_interval": 60}
    async with lookout(tmp_path, authority, kind, clock=Clock(), **changes) as out:
        await watched(out)
        session = await out.make(kind)
        took = await told(out, session, lambda: out.happen(session))
        assert took < FAST["poll_interval_watched"] + SLACK


async def test_follower_at_other_gateway_hears_of_change_within_interval(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    changes = FAST | {"poll_interval": 60}
    async with lookout(tmp_path, authority, "seal", clock=Clock(), **changes) as out:
        await watched(out)
        async with another(out, tmp_path) as other:
            session = await out.make("seal")
            took = await told(other, session, lambda: out.happen(session))
            assert not watcher(other).watched, "one poller for a provider, across all gateways"
            # The log is looked into by itself where nobody rings.
            assert took < FAST["poll_interval_watched"] + out.settings.events.poll + SLACK


async def test_session_created_while_followed_is_polled_at_followed_interval(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    async with lookout(tmp_path, authority, "seal", clock=Clock(), **(FAST | {"poll_interval": 60})) as out:
        await watched(out)
        session = await out.make("seal", known=False)

        async def sealed() -> list[SessionStatus]:
            async with aclosing(await out.signing.events.follow(session.ref)) as states:
                return [state.status async for state in states]

        following = asyncio.ensure_future(sealed())
        await asyncio.sleep(0.3)
        await out.happen(session)
        assert (await asyncio.wait_for(following, 5))[-1] is SessionStatus.COMPLETED


@pytest.mark.parametrize("kind", ["seal", "easyink"])
async def test_change_of_session_without_follower_is_found(tmp_path: Path, authority: CertificateAuthority, kind: str) -> None:
    async with lookout(tmp_path, authority, kind, clock=Clock(), **FAST) as out:
        await watched(out)
        session = await out.make(kind)
        await out.happen(session)

        async def known() -> bool:
            now = await out.store.sessions.get(session.ref)
            return now is not None and now.status is not session.status

        assert await until(known) < FAST["poll_interval"] + SLACK


async def test_stopping_gateway_releases_its_leases_at_once(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", clock=Clock(), sections={"watch": {"lease": 30}}, **FAST) as out:
        await watched(out)
        async with another(out, tmp_path) as other:
            await asyncio.sleep(0.3)
            assert not watcher(other).watched
            begun = time.monotonic()
            await watcher(out).close()
            await watched(other)
            assert time.monotonic() - begun < 3


async def test_gateway_without_database_stops_polling_before_lease_ends(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    async with lookout(tmp_path, authority, "seal", clock=Clock(), sections={"watch": {"lease": 2}}, **FAST) as out:
        await watched(out)
        async with out.store._engine.connect() as connection:
            await connection.exec_driver_sql("DROP TABLE lease")
            await connection.commit()
        begun = time.monotonic()

        async def stopped() -> bool:
            return not watcher(out).watched

        await until(stopped)
        assert time.monotonic() - begun < 2
        await asyncio.sleep(FAST["poll_interval"])
        before = out.count("seal")
        await asyncio.sleep(3 * FAST["poll_interval"])
        assert out.count("seal") == before


async def test_failing_provider_delays_no_other(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", "easyink", clock=Clock(), **(FAST | {"timeout": 5})) as out:
        await watched(out)
        stuck, session = await out.make("easyink"), await out.make("seal")
        out.sandboxes["easyink"].faults.append(Fault(count=100_000, delay_ms=60_000))
        events = await out.signing.events.subscribe(EventFilter(sessions=[stuck.ref]))
        async with aclosing(events):
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0.5)
            assert await told(out, session, lambda: out.happen(session)) < FAST["poll_interval_watched"] + SLACK
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        out.sandboxes["easyink"].faults.clear()


async def test_disabled_polling_calls_no_provider(tmp_path: Path, authority: CertificateAuthority) -> None:
    sections = {"watch": {"enabled": False}}
    async with lookout(tmp_path, authority, "seal", clock=Clock(), sections=sections, **FAST) as out:
        await out.make("seal")
        before = out.count("seal")
        await asyncio.sleep(1)
        assert out.count("seal") == before
        assert (await out.signing.queries.sync("seal")).strategy == "NONE"


async def test_close_leaves_no_task_running(tmp_path: Path, authority: CertificateAuthority) -> None:
    before = asyncio.all_tasks()
    async with lookout(tmp_path, authority, *KINDS, clock=Clock(), **FAST) as out:
        await watched(out)
        await asyncio.sleep(0.5)
    assert {task.get_name() for task in asyncio.all_tasks() - before} == set()
    assert configured(tmp_path, []).watch.enabled
