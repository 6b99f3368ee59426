"""Batches: what several ask for in the same moment, or while others wait for what they have asked for, is asked for at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Final, Generic, TypeVar

from gateway.cache.single_flight import Flight

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_LOADS: Final = 2
"""So many are under way side by side: more would each be smaller, and one that gets stuck leaves another."""


class Batch(Generic[K, V]):
    """Loads what there is of some keys, at most so many together: as it is once they were asked for, or later."""

    def __init__(self, load: Callable[[Collection[K]], Awaitable[Mapping[K, V]]], most: int = 100) -> None:
        self._load = load
        self._most = most
        self._keys: set[K] = set()
        self._loads: Flight[Mapping[K, V]] = Flight()
        self._turns = asyncio.Semaphore(_LOADS)

    async def get(self, key: K) -> V | None:
        """What there is of a key; None where there is nothing."""
        keys = self._keys
        keys.add(key)
        if len(keys) == self._most:
            self._keys = set()
        found = await self._loads.do(id(keys), lambda: self._loaded(keys))
        return found.get(key)

    async def _loaded(self, keys: set[K]) -> Mapping[K, V]:
        async with self._turns:
            await asyncio.sleep(0)  # whoever else asks in this moment
            if self._keys is keys:
                self._keys = set()
            return await self._load(keys)
