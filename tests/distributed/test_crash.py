"""A gateway is killed after every single call of every write of several calls, and leaves nothing half-made behind."""

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
from gateway.store.sagas import Overtaken
from providers.authority import Authority
from providers.order import Step
from providers.registry import load_sandbox
from providers.sandbox import Sandbox


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
async def world(folder: Path, nursery: Nursery, authority: Authority, kind: str) -> AsyncIterator[World]:
    clock = Ahead()
    sandbox = load_sandbox(kind)(clock=clock, authority=authority)
    async with (
        Guarded(sandbox).serving() as guarded,
        gateway(folder, nursery, [guarded.table], sagas={"lease": 0.6}) as running,
    ):
        yield World(sandbox, guarded, running, clock)


@dataclass
class Tally:
    """What came of it all."""

    steps: int = 0
    finished: int = 0
    undone: int = 0
    named: int = 0
    orphans: list[str] = field(default_factory=list)


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


async def attempt(world: World, write: Write, halt: Halt, tally: Tally) -> None:
    """Kills the gateway at a halt, starts another, and looks at what is there when that has looked after it."""
    given = await write.prepare(world.gateway)
    before, known = world.things(), world.sessions()
    answered = await strike(world, write.name, given, halt)
    await world.gateway.start()
    notes = " ".join(await world.gateway.settled())
    judge(world, write, halt, tally, before, known, notes, answered=answered)


def judge(
    world: World, write: Write, halt: Halt, tally: Tally, before: set[str], known: set[str], notes: str, *, answered: bool
) -> None:
    now = world.things()
    new, gone, told = now - before, before - now, world.sessions() - known
    tally.steps += 1
    where = f"{write.provider} {write.name}, write {halt.number}, {halt.at}"
    if told and len(new) == write.makes and len(gone) == write.takes:
        tally.finished += 1
    elif answered:
        tally.orphans.append(f"{where}: the client was answered, and it is not there: {new=} {gone=}")
    elif not new and not gone:
        tally.undone += 1
    elif new and named(new, notes) and len(gone) in {0, write.takes} and (halt.at == "answer"):
        tally.named += 1
    else:
        tally.orphans.append(f"{where}: {new=} {gone=} {told=} {notes=}")


def named(new: set[str], notes: str) -> bool:
    """Whether the operator is told of everything, by its key or, where nobody knows that, by what it is."""
    return all(any(word in notes for word in each.split()) for each in new)


async def count(world: World, write: Write) -> int:
    """How many writes the sandbox sees when nothing happens to the gateway."""
    given = await write.prepare(world.gateway)
    world.guarded.gate.expect(None)
    before = world.things()
    await world.gateway.done(write.name, **given)
    now = world.things()
    assert (len(now - before), len(before - now)) == (write.makes, write.takes), (now - before, before - now)
    return world.guarded.gate.writes


async def torment(write: Write, folder: Path, nursery: Nursery, authority: Authority, tally: Tally) -> None:
    async with world(folder, nursery, authority, write.provider) as there:
        writes = await count(there, write)
        for number in range(1, writes + 1):
            await attempt(there, write, Halt(number, "arrival") if number > 1 else Halt(writes, "end"), tally)
            await attempt(there, write, Halt(number, "answer"), tally)


@pytest.mark.timeout(300)
async def test_a_gateway_killed_after_any_step_leaves_nothing_half_made(
    tmp_path: Path, ours: Nursery, authority: Authority, record_property: Callable[[str, object], None]
) -> None:
    tally = Tally()
    async with asyncio.TaskGroup() as tasks:
        for place, write in enumerate(WRITES.values()):
            (tmp_path / str(place)).mkdir()
            tasks.create_task(torment(write, tmp_path / str(place), ours, authority, tally))
    ends = f"{tally.finished} finished, {tally.undone} undone, {tally.named} named to the operator"
    record_property("figure", f"crash test: {tally.steps} steps tried, {len(tally.orphans)} orphans left ({ends})")
    assert not tally.orphans, "\n".join(tally.orphans)


@pytest.mark.parametrize("halt", [Halt(5, "arrival", waits=True), Halt(5, "answer", waits=True)], ids=str)
async def test_a_gateway_that_was_taken_for_dead_leaves_nothing_behind_when_it_goes_on(
    tmp_path: Path, ours: Nursery, authority: Authority, halt: Halt
) -> None:
    write = WRITES["signicat, one after the other"]
    async with world(tmp_path, ours, authority, "signicat") as there:
        gate, slow = there.guarded.gate, there.gateway
        given = await write.prepare(slow) | {"idempotencyKey": "the same"}
        gate.expect(halt)
        asked = asyncio.create_task(slow.mutate(write.name, **given))
        await gate.reached.wait()
        slow.signal(signal.SIGSTOP)
        async with gateway(tmp_path, ours, [there.guarded.table], "other", sagas={"lease": 0.6}) as other:
            assert await other.settled() == []
            gate.open.set()
            slow.signal(signal.SIGCONT)
            [problem] = (await asked)["problems"]
            assert problem["code"] in {"IN_DOUBT", "PROVIDER_REFUSED", "NOT_FOUND", "INVALID"}, problem
            assert await other.settled() == []
            assert there.things() == set()
            first = await other.done(write.name, **given)
            assert await slow.done(write.name, **given) == first
            assert len(there.things()) == write.makes


async def test_a_saga_that_takes_longer_than_the_lease_is_left_alone(
    tmp_path: Path, ours: Nursery, authority: Authority
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
    tmp_path: Path, ours: Nursery, authority: Authority
) -> None:
    write = WRITES["signicat, one after the other"]
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(world(tmp_path, ours, authority, "signicat"))
        for number in range(3):
            table, lease = [there.guarded.table], {"lease": 0.6}
            other = await stack.enter_async_context(gateway(tmp_path, ours, table, f"other-{number}", sagas=lease))
        await strike(there, write.name, await write.prepare(there.gateway), Halt(6, "arrival"))
        assert await other.settled() == []
        assert there.things() == set()
        deleted = Counter(call.path for call in there.sandbox.calls if call.method == "DELETE")
        assert deleted
        assert set(deleted.values()) == {1}


async def test_a_saga_has_one_heir_and_its_former_owner_can_do_no_more(database: str) -> None:
    url, now, step = SecretStr(database), datetime.now(UTC), Step("draft", "1")
    async with AsyncExitStack() as stack:
        stores = [await Store.open(url) for _ in range(4)]
        for store in stores:
            stack.push_async_callback(store.close)
        for number in range(10):
            saga = Saga(id=f"saga {number}", provider="signicat", marker="m", owner="dead", begun_at=now)
            await stores[0].sagas.begin(saga)
            await stores[0].sagas.made(saga, 0, step)
            taken = await asyncio.gather(*(store.sagas.give_up(saga, f"{place}") for place, store in enumerate(stores)))
            [heir] = [each for each in taken if each is not None]
            assert heir.state == "UNDOING"
            with pytest.raises(Overtaken):
                await stores[0].sagas.made(saga, 1, step)
            with pytest.raises(Overtaken):
                await stores[0].sagas.replaced(saga, b"", [])
            assert await stores[1].sagas.steps(saga.id) == [(0, step)]
