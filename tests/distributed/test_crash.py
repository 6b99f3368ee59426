"""A gateway is killed at every call of every saga, also while people sign: nothing is doubled, orphaned or taken away."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from apart import Ahead, Gateway, Guarded, Halt, Nursery, gateway
from pydantic import SecretStr
from writes import WRITES, Write, things

from gateway.store import Saga, Store
from gateway.store.sagas import LeaseLost
from providers.registry import load_sandbox
from providers.saga import Step
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority


@dataclass
class World:
    """One sandbox, and one gateway in front of it that is killed time and again."""

    sandbox: Sandbox
    guarded: Guarded
    gateway: Gateway
    clock: Ahead

    def things(self) -> set[str]:
        return things(self.sandbox, self.clock)

    def sessions(self) -> set[str]:
        """What the gateway knows of."""
        return {key for (key,) in self.gateway.rows("select key from session where status != 'DELETED'")}


@asynccontextmanager
async def world(
    folder: Path, nursery: Nursery, authority: CertificateAuthority, kind: str, lease: float = 0.6, patience: float = 10
) -> AsyncIterator[World]:
    clock = Ahead()
    sandbox = load_sandbox(kind)(clock=clock, authority=authority)
    async with (
        Guarded(sandbox).serving() as guarded,
        gateway(folder, nursery, [guarded.table | {"timeout": patience}], sagas={"lease": lease}) as running,
    ):
        yield World(sandbox, guarded, running, clock)


@dataclass
class Tally:
    """What came of it all."""

    steps: int = 0
    finished: int = 0
    undone: int = 0
    named: int = 0
    signed: int = 0
    doubled: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    disappointed: list[str] = field(default_factory=list)

    @property
    def figures(self) -> str:
        ends = f"{self.finished} finished, {self.undone} undone, {self.named} named to the operator"
        lost = f"{len(self.doubled)} doubled, {len(self.orphans)} orphans, {len(self.disappointed)} taken from who had signed"
        return f"{self.steps} steps tried, {lost} ({ends}; somebody signed in {self.signed})"


async def strike(world: World, name: str, given: dict[str, Any], halt: Halt) -> bool:
    """Kills the gateway at a halt; says whether its client was answered all the same."""
    gate = world.guarded.gate
    gate.expect(halt)
    asked = asyncio.create_task(world.gateway.mutate(name, **given))
    reached = asyncio.create_task(gate.reached.wait())
    try:
        await asyncio.wait([asked, reached], return_when=asyncio.FIRST_COMPLETED, timeout=20)
    finally:
        world.gateway.kill()
        gate.open.set()
        reached.cancel()
    told = (await asyncio.gather(asked, return_exceptions=True))[0]
    assert gate.writes >= halt.number, f"{name}: write {halt.number} never came: {told}"
    assert isinstance(told, dict | httpx.TransportError), told
    gate.expect(None)
    return isinstance(told, dict)


async def sign(world: World, old: set[str]) -> set[str]:
    """Everybody signs who was invited to something new; gives what that is."""
    signed = {each.key for each in world.sandbox.sessions() if each.waiting and each.key not in old}
    for key in signed:
        await world.sandbox.sign(key)
    return signed


async def attempt(world: World, write: Write, halt: Halt, tally: Tally, *, signing: bool) -> None:
    """Kills the gateway at a halt, starts another, and looks at what is there when that has looked after it."""
    given = await write.prepare(world.gateway) | {"idempotencyKey": f"{halt.number} {halt.at} {signing}"}
    before, known = world.things(), world.sessions()
    old = {each.key for each in world.sandbox.sessions()}
    answered = await strike(world, write.name, given, halt)
    signed = await sign(world, old) if signing else set()
    await world.gateway.start()
    notes = " ".join(await world.gateway.settled())
    end = judge(world, write, halt, tally, before, known, notes, answered=answered, acted=bool(signed))
    there = {each.key for each in world.sandbox.sessions() if each.status != "Voided"}
    where = f"{write.provider} {write.name}, write {halt.number}, {halt.at}"
    if signed - there:
        tally.disappointed.append(f"{where}: {signed - there}")
    tally.signed += bool(signed)
    settled = world.things()
    payload = await world.gateway.mutate(write.name, **given)
    made = world.things() - settled
    more = sum(each.startswith(_LASTING) for each in made) if signed else len(made)
    makes = write.lasting if signed else write.makes
    expected = makes if end in {"undone", "named"} and not payload["problems"] else 0
    if more != expected or (end == "finished" and payload["problems"]):
        tally.doubled.append(f"{where}: {end}, and {more} more with the same key: {payload}")


def judge(
    world: World,
    write: Write,
    halt: Halt,
    tally: Tally,
    before: set[str],
    known: set[str],
    notes: str,
    *,
    answered: bool,
    acted: bool,
) -> str:
    """How it has ended."""
    now = world.things()
    new, gone, told = now - before, before - now, world.sessions() - known
    makes = write.makes
    if acted:
        # What was signed has documents of its own, and those that nobody signed go with their sessions.
        new, makes = {each for each in new if each.startswith(_LASTING)}, write.lasting
    tally.steps += 1
    where = f"{write.provider} {write.name}, write {halt.number}, {halt.at}"
    if told and len(new) == makes and len(gone) == write.takes:
        tally.finished += 1
        return "finished"
    if answered:
        tally.orphans.append(f"{where}: the client was answered, and it is not there: {new=} {gone=}")
        return "lost"
    if not new and not gone:
        tally.undone += 1
        return "undone"
    if new and named(new, notes) and len(gone) in {0, write.takes} and (halt.at == "answer" or acted):
        tally.named += 1
        return "named"
    tally.orphans.append(f"{where}: {new=} {gone=} {told=} {notes=}")
    return "orphaned"


def named(new: set[str], notes: str) -> bool:
    """Whether the operator is told of everything, by its key or, where nobody knows that, by what it is."""
    return all(any(word in notes for word in each.split()) for each in new)


_LASTING = ("draft ", "session ", "document_collection ", "batch ")
INVITING = ("/started", "/signing-sessions", "/recreated", "/AcceptBatch")


async def count(world: World, write: Write) -> tuple[int, int]:
    """How many writes the sandbox sees when nothing happens to the gateway, and the first of them that may invite people."""
    given = await write.prepare(world.gateway)
    world.guarded.gate.expect(None)
    before = world.things()
    await world.gateway.done(write.name, **given)
    now = world.things()
    assert (len(now - before), len(before - now)) == (write.makes, write.takes), (now - before, before - now)
    paths = world.guarded.gate.paths
    inviting = (place for place, path in enumerate(paths, start=1) if path.endswith(INVITING))
    return len(paths), next(inviting, len(paths))


async def torment(
    write: Write, folder: Path, nursery: Nursery, authority: CertificateAuthority, tally: Tally, *, signing: bool
) -> None:
    async with world(folder, nursery, authority, write.provider, lease=0.4) as there:
        writes, inviting = await count(there, write)
        for number in range(inviting if signing else 1, writes + 1):
            await attempt(there, write, Halt(number, "arrival") if number > 1 else Halt(writes, "end"), tally, signing=signing)
            await attempt(there, write, Halt(number, "answer"), tally, signing=signing)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("signing", [False, True], ids=["nobody-signs", "people-sign"])
async def test_gateway_killed_at_any_call_of_a_saga_doubles_orphans_and_takes_nothing(
    tmp_path: Path,
    ours: Nursery,
    authority: CertificateAuthority,
    signing: bool,
    record_property: Callable[[str, object], None],
) -> None:
    tally = Tally()
    async with asyncio.TaskGroup() as tasks:
        for place, write in enumerate(WRITES.values()):
            (tmp_path / str(place)).mkdir()
            if not signing or write.provider != "seal":
                tasks.create_task(torment(write, tmp_path / str(place), ours, authority, tally, signing=signing))
    record_property("figure", f"crash test: {tally.figures}")
    assert not tally.orphans + tally.doubled + tally.disappointed


@pytest.mark.parametrize("halt", [Halt(5, "arrival", waits=True), Halt(5, "answer", waits=True)], ids=str)
async def test_a_gateway_that_was_taken_for_dead_leaves_nothing_behind_when_it_goes_on(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority, halt: Halt
) -> None:
    """The lease is so long, and a call may take so long, that a busy machine takes no other gateway for dead."""
    write, lease, patience = WRITES["signicat, one after the other"], 3.0, 60.0
    async with world(tmp_path, ours, authority, "signicat", lease, patience) as there:
        gate, slow = there.guarded.gate, there.gateway
        given = await write.prepare(slow) | {"idempotencyKey": "the same"}
        gate.expect(halt)
        asked = asyncio.create_task(slow.mutate(write.name, **given))
        await asyncio.wait_for(gate.reached.wait(), 20)
        slow.signal(signal.SIGSTOP)
        table = there.guarded.table | {"timeout": patience}
        async with gateway(tmp_path, ours, [table], "other", sagas={"lease": lease}) as other:
            assert await other.settled() == []
            gate.open.set()
            slow.signal(signal.SIGCONT)
            [problem] = (await asked)["problems"]
            assert problem["code"] == "IN_DOUBT", problem
            late = await other.settled()
            assert len(there.things()) == write.makes + len(late)
            assert all(note.split()[-1] in " ".join(there.things()) for note in late)
            assert len(late) == (halt.at == "arrival")
            first = await other.done(write.name, **given)
            assert await slow.done(write.name, **given) == first
            assert len(there.things()) == write.makes + len(late)


async def test_a_saga_that_takes_longer_than_the_lease_is_left_alone(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    write = WRITES["signicat, one after the other"]
    async with (
        world(tmp_path, ours, authority, "signicat") as there,
        gateway(tmp_path, ours, [there.guarded.table], "other", sagas={"lease": 0.6}),
    ):
        given = await write.prepare(there.gateway)
        there.guarded.gate.expect(Halt(5, "answer", waits=True))
        asked = asyncio.create_task(there.gateway.done(write.name, **given))
        await there.guarded.gate.reached.wait()
        await asyncio.sleep(2)
        there.guarded.gate.open.set()
        await asked
        assert len(there.things()) == write.makes


async def test_of_several_gateways_one_looks_after_a_dead_ones_saga(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    write = WRITES["signicat, one after the other"]
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(world(tmp_path, ours, authority, "signicat"))
        for number in range(3):
            table, lease = [there.guarded.table], {"lease": 0.6}
            other = await stack.enter_async_context(gateway(tmp_path, ours, table, f"other-{number}", sagas=lease))
        await strike(there, write.name, await write.prepare(there.gateway), Halt(6, "arrival"))
        assert await other.settled() == []
        assert len(there.things()) == write.makes
        posted = [call for call in there.sandbox.calls if call.method == "POST" and 200 <= call.status < 300]
        opened = Counter(call.path for call in posted if call.path.endswith("/signing-sessions"))
        assert set(opened.values()) == {3}


async def test_a_saga_has_one_heir_and_its_former_owner_can_do_no_more(database: str) -> None:
    url, now, step = SecretStr(database), datetime.now(UTC), Step("draft", "1")
    async with AsyncExitStack() as stack:
        stores = [await Store.open(url) for _ in range(4)]
        for store in stores:
            stack.push_async_callback(store.close)
        for number in range(10):
            saga = Saga(id=f"saga {number}", provider="signicat", marker="m", owner="dead", begun_at=now)
            await stores[0].sagas.begin(saga)
            await stores[0].sagas.record_step(saga, 0, step)
            taken = await asyncio.gather(*(store.sagas.take_over(saga, f"{place}") for place, store in enumerate(stores)))
            [heir] = [each for each in taken if each is not None]
            assert heir.state == "UNDOING"
            with pytest.raises(LeaseLost):
                await stores[0].sagas.record_step(saga, 1, step)
            with pytest.raises(LeaseLost):
                await stores[0].sagas.record_replacement(saga, b"", [])
            assert await stores[1].sagas.steps(saga.id) == [(0, step)]
