"""Single flight: concurrent callers share one call, for as long as any of them waits."""

from __future__ import annotations

import asyncio
import socket

import pytest
from stage import settle

from gateway.cache.single_flight import SingleFlight


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
def flight() -> SingleFlight[str]:
    return SingleFlight()


async def ask(flight: SingleFlight[str], work: Work, key: str = "key") -> asyncio.Task[str]:
    """Somebody who asks, and has been heard."""
    task = asyncio.create_task(flight.do(key, work))
    await settle()
    return task


async def test_concurrent_callers_share_one_call(flight: SingleFlight[str]) -> None:
    work = Work()
    askers = [await ask(flight, work) for _ in range(10)]
    work.go.set()
    assert await asyncio.gather(*askers) == ["result 1"] * 10
    assert work.begun == 1


async def test_callers_are_released_one_by_one(flight: SingleFlight[str]) -> None:
    work, told = Work(), list[str]()
    near, far = socket.socketpair()
    asyncio.get_running_loop().add_reader(far, lambda: told.append(far.recv(1).decode()))

    async def asker(name: str) -> None:
        await flight.do("key", work)
        told.append(name)
        if name == "1":
            near.send(b"!")

    askers = [asyncio.create_task(asker(str(number))) for number in range(10)]
    await settle()
    work.go.set()
    await asyncio.gather(*askers)
    asyncio.get_running_loop().remove_reader(far)
    near.close(), far.close()
    assert [name for name in told if name != "!"] == [str(number) for number in range(10)]
    assert told.index("!") < told.index("9"), told


async def test_cancelled_caller_passes_its_turn_on(flight: SingleFlight[str]) -> None:
    work = Work()

    async def first() -> None:
        await flight.do("key", work)
        second.cancel()

    leading = asyncio.create_task(first())
    await settle()
    second, third = [await ask(flight, work) for _ in range(2)]
    work.go.set()
    assert await third == "result 1"
    assert leading.done()
    assert second.cancelled()


async def test_different_keys_are_different_calls(flight: SingleFlight[str]) -> None:
    work = Work()
    askers = [await ask(flight, work, key) for key in ("a", "b")]
    work.go.set()
    await asyncio.gather(*askers)
    assert work.begun == 2


async def test_later_caller_makes_new_call(flight: SingleFlight[str]) -> None:
    work = Work()
    work.go.set()
    assert [await flight.do("key", work) for _ in range(3)] == ["result 1", "result 2", "result 3"]


async def test_cancelled_waiter_affects_no_other(flight: SingleFlight[str]) -> None:
    work = Work()
    first, second, third = [await ask(flight, work) for _ in range(3)]
    second.cancel()
    await settle()
    assert second.cancelled()
    work.go.set()
    assert await asyncio.gather(first, third) == ["result 1"] * 2
    assert (work.begun, work.given_up) == (1, 0)


async def test_next_waiter_makes_call_after_first_is_cancelled(flight: SingleFlight[str]) -> None:
    work = Work()
    first, *others = [await ask(flight, work) for _ in range(10)]
    first.cancel()
    await settle()
    assert first.cancelled()
    assert (work.begun, work.given_up) == (2, 1)
    work.go.set()
    assert await asyncio.gather(*others) == ["result 2"] * 9


async def test_call_ends_when_all_callers_are_cancelled(flight: SingleFlight[str]) -> None:
    work = Work()
    for asker in [await ask(flight, work) for _ in range(3)]:
        asker.cancel()
    await settle()
    assert (work.begun, work.given_up, work.done) == (1, 1, 0)


async def test_caller_during_cancellation_makes_call_after_it(flight: SingleFlight[str]) -> None:
    work = Work()
    work.slow_end = asyncio.Event()
    leaving = await ask(flight, work)
    leaving.cancel()
    await settle()
    assert work.given_up == 1
    coming = await ask(flight, work)
    work.go.set()
    assert (work.begun, coming.done()) == (1, False)
    work.slow_end.set()
    assert await coming == "result 2"


async def test_caller_at_cancellation_of_last_one_is_served(flight: SingleFlight[str]) -> None:
    work = Work()
    leaving = await ask(flight, work)
    leaving.cancel()
    coming = asyncio.create_task(flight.do("key", work))
    await settle()
    work.go.set()
    assert (await coming).startswith("result")


async def test_failure_is_shared_and_not_cached(flight: SingleFlight[str]) -> None:
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


async def test_timeout_of_one_caller_is_not_shared(flight: SingleFlight[str]) -> None:
    work = Work()
    patient = await ask(flight, work)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await flight.do("key", work)
    work.go.set()
    assert await patient == "result 1"


async def test_ended_call_is_not_remembered(flight: SingleFlight[str]) -> None:
    work = Work()
    leaving = await ask(flight, work, "left")
    leaving.cancel()
    await settle()
    work.go.set()
    for number in range(20):
        await flight.do(number, work)
    assert not any(vars(flight).values())
