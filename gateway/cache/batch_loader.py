"""Batch loader: keys that are asked for at the same moment, or while others load, are loaded by one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Final, Generic, TypeVar

from gateway.cache.single_flight import SingleFlight

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_CONCURRENT_LOADS: Final = 2
"""More would each be smaller; with one alone, a load that is stuck would hold up everybody."""


class BatchLoader(Generic[K, V]):
    """Dataloader over one ``load`` function, at most ``max_batch`` keys a call. It caches nothing.

    A value is never older than the moment in which it was asked for.
    """

    def __init__(self, load: Callable[[Collection[K]], Awaitable[Mapping[K, V]]], max_batch: int = 100) -> None:
        self._load_batch = load
        self._max_batch = max_batch
        self._pending: set[K] = set()
        self._loads: SingleFlight[Mapping[K, V]] = SingleFlight()
        self._slots = asyncio.Semaphore(_CONCURRENT_LOADS)

    async def load(self, key: K) -> V | None:
        """The value of a key; None where there is none."""
        keys = self._pending
        keys.add(key)
        if len(keys) == self._max_batch:
            self._pending = set()
        values = await self._loads.do(id(keys), lambda: self._load(keys))
        return values.get(key)

    async def _load(self, keys: set[K]) -> Mapping[K, V]:
        async with self._slots:
            await asyncio.sleep(0)  # lets others join who ask in this moment
            if self._pending is keys:
                self._pending = set()
            return await self._load_batch(keys)
