"""Batch loader: one load for all keys of a moment, and never a value from before it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from stage import settle

from gateway.cache.batch_loader import BatchLoader


class Shop:
    """Has a price for every number but 0, which goes up with each load."""

    def __init__(self) -> None:
        self.loads: list[set[int]] = []
        self.failing = False
        self.go = asyncio.Event()
        self.go.set()

    async def load(self, keys: Collection[int]) -> Mapping[int, str]:
        self.loads.append(set(keys))
        price = len(self.loads)
        await self.go.wait()
        if self.failing:
            raise LookupError
        return {key: f"{key} at {price}" for key in keys if key}


async def test_keys_of_one_moment_are_one_batch() -> None:
    shop = Shop()
    batch = BatchLoader(shop.load)
    assert await asyncio.gather(*map(batch.load, [1, 2, 0, 2])) == ["1 at 1", "2 at 1", None, "2 at 1"]
    assert shop.loads == [{0, 1, 2}]


async def test_key_requested_during_its_load_is_loaded_again() -> None:
    shop = Shop()
    batch = BatchLoader(shop.load)
    shop.go.clear()
    early = asyncio.create_task(batch.load(1))
    await settle()
    late = asyncio.create_task(batch.load(1))
    await settle()
    shop.go.set()
    assert [await early, await late] == ["1 at 1", "1 at 2"]


async def test_keys_requested_during_a_load_are_one_batch() -> None:
    shop = Shop()
    batch = BatchLoader(shop.load)
    shop.go.clear()
    asked = []
    for number in range(1, 9):
        asked.append(asyncio.create_task(batch.load(number)))
        await settle()
    shop.go.set()
    assert [each and each.split()[0] for each in await asyncio.gather(*asked)] == [*map(str, range(1, 9))]
    assert shop.loads == [{1}, {2}, {3, 4, 5, 6, 7, 8}]


async def test_batch_has_a_maximum_size() -> None:
    shop = Shop()
    batch = BatchLoader(shop.load, max_batch=3)
    found = await asyncio.gather(*map(batch.load, range(8)))
    assert [len(each) for each in shop.loads] == [3, 3, 2]
    assert [each and each.split()[0] for each in found] == [None, *map(str, range(1, 8))]


async def test_cancelled_first_caller_does_not_cancel_batch() -> None:
    shop = Shop()
    batch = BatchLoader(shop.load)
    shop.go.clear()
    first, second = [asyncio.create_task(batch.load(key)) for key in (1, 2)]
    await settle()
    first.cancel()
    await settle()
    shop.go.set()
    assert await second == "2 at 2"


async def test_failure_is_shared_within_batch_only() -> None:
    shop = Shop()
    batch = BatchLoader(shop.load)
    shop.failing = True
    told = await asyncio.gather(*map(batch.load, [1, 2]), return_exceptions=True)
    assert [type(each) for each in told] == [LookupError] * 2
    shop.failing = False
    assert await batch.load(1) == "1 at 2"
