"""Single flight: one piece of work for all who ask, for as long as anybody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.flight import Flight


class Work:
    """Work that takes until it is let go; counts how often it was begun, done and given up."""

    def __init__(self) -> None:
        self.begun = self.done = self.given_up = 0
        self.go = asyncio.Event()
        self.slow_end: asyncio.Event | None = None

    async def __call__(self) -> str:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            if self.slow_end:
                await self.slow_end.wait()
            raise
        self.done += 1
        return f"result {self.begun}"


@pytest.fixture
async def flight() -> AsyncIterator[Flight[str]]:
    flight: Flight[str] = Flight()
    yield flight
    await flight.close()


async def ask(flight: Flight[str], work: Work, key: str = "key") -> asyncio.Task[str]:
    """Somebody who asks, and has been heard."""
    task = asyncio.create_task(flight.do(key, work))
    await settle()
    return task


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_however_many_ask_it_is_done_once(flight: Flight[str]) -> None:
    work = Work()
    askers = [await ask(flight, work) for _ in range(10)]
    work.go.set()
    assert await asyncio.gather(*askers) == ["result 1"] * 10
    assert work.begun == 1


async def test_different_keys_are_different_work(flight: Flight[str]) -> None:
    work = Work()
    askers = [await ask(flight, work, key) for key in ("a", "b")]
    work.go.set()
    await asyncio.gather(*askers)
    assert work.begun == 2


async def test_whoever_asks_later_gets_new_work(flight: Flight[str]) -> None:
    work = Work()
    work.go.set()
    assert [await flight.do("key", work) for _ in range(3)] == ["result 1", "result 2", "result 3"]


async def test_one_who_leaves_does_not_end_it_for_the_others(flight: Flight[str]) -> None:
    work = Work()
    first, second = await ask(flight, work), await ask(flight, work)
    first.cancel()
    await settle()
    assert first.cancelled()
    work.go.set()
    assert await second == "result 1"
    assert (work.begun, work.given_up) == (1, 0)


async def test_the_last_who_leaves_ends_it(flight: Flight[str]) -> None:
    work = Work()
    askers = [await ask(flight, work) for _ in range(3)]
    for asker in askers:
        assert work.given_up == 0
        asker.cancel()
        await settle()
    assert (work.given_up, work.done) == (1, 0)


async def test_whoever_asks_while_it_is_being_given_up_gets_work_of_their_own(flight: Flight[str]) -> None:
    work = Work()
    work.slow_end = asyncio.Event()
    leaving = await ask(flight, work)
    leaving.cancel()
    await settle()
    assert work.given_up == 1
    coming = await ask(flight, work)
    work.go.set()
    assert await coming == "result 2"
    work.slow_end.set()
    await settle()


async def test_one_who_comes_at_the_moment_the_last_one_leaves_is_served(flight: Flight[str]) -> None:
    work = Work()
    leaving = await ask(flight, work)
    leaving.cancel()
    coming = asyncio.create_task(flight.do("key", work))
    await settle()
    work.go.set()
    assert (await coming).startswith("result")


async def test_a_failure_is_told_to_all_and_not_kept(flight: Flight[str]) -> None:
    go = asyncio.Event()
    failures = 0

    async def fail() -> str:
        nonlocal failures
        await go.wait()
        failures += 1
        raise LookupError(failures)

    askers = [asyncio.create_task(flight.do("key", fail)) for _ in range(3)]
    await settle()
    go.set()
    told = await asyncio.gather(*askers, return_exceptions=True)
    assert [str(each) for each in told] == ["1"] * 3
    with pytest.raises(LookupError, match="2"):
        await flight.do("key", fail)
    work = Work()
    work.go.set()
    assert await flight.do("key", work) == "result 1"


async def test_a_timeout_of_one_asker_is_not_that_of_another(flight: Flight[str]) -> None:
    work = Work()
    patient = await ask(flight, work)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await flight.do("key", work)
    work.go.set()
    assert await patient == "result 1"


async def test_closing_ends_everything_and_waits_for_its_end() -> None:
    flight: Flight[str] = Flight()
    kept, left = Work(), Work()
    left.slow_end = asyncio.Event()
    asker = await ask(flight, kept, "kept")
    leaving = await ask(flight, left, "left")
    leaving.cancel()
    await settle()
    closing = asyncio.create_task(flight.close())
    await settle()
    assert kept.given_up == 1
    assert not closing.done()
    left.slow_end.set()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await asker
    assert len(asyncio.all_tasks()) == 1


async def test_nothing_is_remembered_of_what_is_over(flight: Flight[str]) -> None:
    work = Work()
    leaving = await ask(flight, work, "left")
    leaving.cancel()
    await settle()
    work.go.set()
    for number in range(20):
        await flight.do(number, work)
    assert not any(vars(flight).values())
