"""A signature store under pressure: of all who write at once, nobody is told what is not so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from test_persist import AUTHORITY, Dial, Store, adapter, cms, open_store

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


class Diary(PersistSandbox):
    """Writes down every version that was ever stored, as version and content."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock, authority=AUTHORITY)
        self.stored: list[tuple[int, str]] = []

    async def _write(self, *call: object) -> Row:
        row = await super()._write(*call)  # type: ignore[arg-type]
        self.stored.append((row.version, row.cms))
        return row


@asynccontextmanager
async def gateways(sandbox: Diary) -> AsyncIterator[list[PersistAdapter]]:
    """As many gateways as writers, who know nothing of each other."""
    async with sandbox.serving() as url, AsyncExitStack() as stack:
        yield [await stack.enter_async_context(adapter(sandbox.settings(url))) for _ in range(WRITERS)]


def order(content: str, version: int | None = None) -> SignatureOrder:
    return SignatureOrder(document="contract-7", thread="main", content=content, version=version)


async def outcomes_of(
    adapters: list[PersistAdapter], contents: list[str], version: int | None
) -> tuple[list[str], list[Session], list[BaseException]]:
    """The contents of those who succeeded, what they were told, and the errors of the others."""
    asked = (made.save_signature(order(content, version)) for made, content in zip(adapters, contents, strict=True))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    won = [content for content, outcome in zip(contents, outcomes, strict=True) if isinstance(outcome, Session)]
    told = [outcome for outcome in outcomes if isinstance(outcome, Session)]
    return won, told, [outcome for outcome in outcomes if isinstance(outcome, BaseException)]


@pytest.mark.parametrize("clock", [Dial, Clock])
@pytest.mark.parametrize("first", [True, False])
async def test_of_32_gateways_none_loses_a_version_without_anybody_being_told(clock: type[Clock], first: bool) -> None:
    sandbox, contents = Diary(clock()), [await cms(b"%d" % number) for number in range(WRITERS)]
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
    sandbox, contents = Diary(Clock()), [await cms(b"%d" % number) for number in range(WRITERS)]
    async with open_store(sandbox, Dial()) as store:
        for version in (None, 1, 2):
            won, _, errors = await outcomes_of([store.adapter] * WRITERS, contents, version)
            assert (len(won), {type(error) for error in errors}) == (1, {Conflict})
            assert sandbox.stored[-1] == ((version or 0) + 1, won[0])
    assert len(sandbox.stored) == 3
    assert not [call for call in sandbox.calls if call.status == 500]


async def test_writers_who_read_and_decide_again_all_get_their_turn() -> None:
    sandbox = Diary(Clock())
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
    clock = Slow()
    sandbox = Diary(clock)
    async with open_store(sandbox, Dial()) as store:
        sandbox.faults.append(Fault(method="POST", delay_ms=60_000))
        slow = asyncio.create_task(store.save(thread="slow"))
        await clock.asleep.wait()
        await store.save(thread="fast")
        assert not slow.done()
        clock.go_on.set()
        await slow


class Slow(Clock):
    """Sleeps until it is told to go on where that would take long."""

    def __init__(self) -> None:
        self.asleep, self.go_on = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds < 1:
            await super().sleep(seconds)
            return
        self.asleep.set()
        await self.go_on.wait()


def test_what_is_done_to_a_record_is_done_while_it_is_stored() -> None:
    stated = {name: item.when for name, item in PROVIDER.capabilities.operations.items() if item.when is not None}
    assert stated == {key: {SessionStatus.COMPLETED} for key in (Operation.DELETE_SESSION, Operation.DELETE_SIGNATURE)}


async def test_a_stored_record_can_be_deleted_by_itself_and_by_its_signature() -> None:
    dial = Dial()
    async with open_store(PersistSandbox(clock=dial, authority=AUTHORITY), dial) as store:
        for delete in (by_itself, by_its_signature):
            session = await store.save()
            assert PROVIDER.capabilities.allows(Operation.DELETE_SESSION, session.status)
            await delete(store, session)
            assert store.sandbox.sessions() == []


async def by_itself(store: Store, session: Session) -> None:
    await store.adapter.delete_session(session)


async def by_its_signature(store: Store, session: Session) -> None:
    await store.adapter.delete_signature(session, session.signatures[0])
