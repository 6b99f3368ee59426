"""Concurrent writers of a signature store: no lost update without a conflict."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from test_persist import AUTHORITY, ManualClock, Store, adapter, cms, open_store

from providers.capability import Operation
from providers.clock import Clock
from providers.errors import Conflict
from providers.model import Session, SessionStatus
from providers.orders import SignatureOrder
from providers.persist import PROVIDER
from providers.persist.adapter import PersistAdapter
from providers.persist.sandbox import PersistSandbox
from providers.persist.sandbox.tables import Row
from providers.sandbox.fault_injection import Fault

WRITERS = 32


class RecordingSandbox(PersistSandbox):
    """Sandbox that records every stored version, as version and content."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock, authority=AUTHORITY)
        self.stored: list[tuple[int, str]] = []

    async def _write(self, *call: object) -> Row:
        row = await super()._write(*call)  # type: ignore[arg-type]
        self.stored.append((row.version, row.cms))
        return row


@asynccontextmanager
async def gateways(sandbox: RecordingSandbox) -> AsyncIterator[list[PersistAdapter]]:
    """As many gateways as writers, without a common lock."""
    async with sandbox.serving() as url, AsyncExitStack() as stack:
        yield [await stack.enter_async_context(adapter(sandbox.settings(url))) for _ in range(WRITERS)]


def order(content: str, version: int | None = None) -> SignatureOrder:
    return SignatureOrder(document="contract-7", thread="main", content=content, version=version)


async def outcomes_of(
    adapters: list[PersistAdapter], contents: list[str], version: int | None
) -> tuple[list[str], list[Session], list[BaseException]]:
    """The contents and sessions of the successful writers, and the errors of the others."""
    asked = (made.save_signature(order(content, version)) for made, content in zip(adapters, contents, strict=True))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    won = [content for content, outcome in zip(contents, outcomes, strict=True) if isinstance(outcome, Session)]
    told = [outcome for outcome in outcomes if isinstance(outcome, Session)]
    return won, told, [outcome for outcome in outcomes if isinstance(outcome, BaseException)]


@pytest.mark.parametrize("clock", [ManualClock, Clock])
@pytest.mark.parametrize("first", [True, False])
async def test_no_version_of_32_gateways_is_lost_silently(clock: type[Clock], first: bool) -> None:
    sandbox, contents = RecordingSandbox(clock()), [await cms(b"%d" % number) for number in range(WRITERS)]
    async with gateways(sandbox) as adapters:
        if not first:
            await adapters[0].save_signature(order(await cms()))
        before = len(sandbox.stored)
        won, told, errors = await outcomes_of(adapters, contents, before or None)
        now = (await adapters[0].fetch_session("contract-7/main")).signatures[0]
    accepted = [call for call in sandbox.calls if call.method == "POST" and call.status == 201]
    assert len(sandbox.stored) == len(accepted) == now.version, "each accepted write is one version"
    assert {type(error) for error in errors} == {Conflict}
    # Whoever succeeded has replaced the version that they asked to replace, and no other.
    assert [session.signatures[0].version for session in told] == [before + 1] * len(won)
    assert {(before + 1, content) for content in won} <= set(sandbox.stored)
    assert len(won) <= 1
    assert len(errors) >= len([version for version, _ in sandbox.stored if version > before + 1]), "overwriting is told"


async def test_of_32_writers_at_one_gateway_one_writes_and_nothing_is_overwritten() -> None:
    sandbox, contents = RecordingSandbox(Clock()), [await cms(b"%d" % number) for number in range(WRITERS)]
    async with open_store(sandbox, ManualClock()) as store:
        for version in (None, 1, 2):
            won, _, errors = await outcomes_of([store.adapter] * WRITERS, contents, version)
            assert (len(won), {type(error) for error in errors}) == (1, {Conflict})
            assert sandbox.stored[-1] == ((version or 0) + 1, won[0])
    assert len(sandbox.stored) == 3
    assert not [call for call in sandbox.calls if call.status == 500]


async def test_writers_that_retry_after_conflict_all_succeed() -> None:
    sandbox = RecordingSandbox(Clock())
    async with gateways(sandbox) as adapters:
        await adapters[0].save_signature(order(await cms()))

        async def insist(made: PersistAdapter, content: str) -> tuple[int | None, str]:
            while True:
                present = (await made.fetch_session("contract-7/main")).signatures[0].version
                with suppress(Conflict):
                    return (await made.save_signature(order(content, present))).signatures[0].version, content

        contents = [await cms(b"%d" % number) for number in range(4)]
        written = await asyncio.gather(*map(insist, adapters, contents))
    assert set(written) <= set(sandbox.stored)
    assert len({version for version, _ in written}) == len(contents)


async def test_writers_of_different_records_do_not_wait_for_each_other() -> None:
    clock = GatedClock()
    sandbox = RecordingSandbox(clock)
    async with open_store(sandbox, ManualClock()) as store:
        sandbox.faults.append(Fault(method="POST", delay_ms=60_000))
        slow = asyncio.create_task(store.save(thread="slow"))
        await clock.asleep.wait()
        await store.save(thread="fast")
        assert not slow.done()
        clock.go_on.set()
        await slow


class GatedClock(Clock):
    """Clock whose long sleeps end when the test says so."""

    def __init__(self) -> None:
        self.asleep, self.go_on = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds < 1:
            await super().sleep(seconds)
            return
        self.asleep.set()
        await self.go_on.wait()


def test_operations_on_records_declare_completed_status() -> None:
    stated = {name: item.when for name, item in PROVIDER.capabilities.operations.items() if item.when is not None}
    assert stated == {key: {SessionStatus.COMPLETED} for key in (Operation.DELETE_SESSION, Operation.DELETE_SIGNATURE)}


async def test_stored_record_can_be_deleted_by_itself_and_by_its_signature() -> None:
    clock = ManualClock()
    async with open_store(PersistSandbox(clock=clock, authority=AUTHORITY), clock) as store:
        for delete in (by_itself, by_its_signature):
            session = await store.save()
            assert PROVIDER.capabilities.allows(Operation.DELETE_SESSION, session.status)
            await delete(store, session)
            assert store.sandbox.sessions() == []


async def by_itself(store: Store, session: Session) -> None:
    await store.adapter.delete_session(session)


async def by_its_signature(store: Store, session: Session) -> None:
    await store.adapter.delete_signature(session, session.signatures[0])
