"""Comparison: the same figures for every provider, over the same window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import anyio

from gateway.metrics import Comparison as ProviderComparison
from gateway.metrics import MetricReader, MetricRecorder, ProviderFigures
from gateway.signing.policy import Policy
from providers.errors import Invalid

MAX_SLICES: Final = 200


class Comparison:
    """Comparison of the providers of one viewer."""

    def __init__(self, policy: Policy, metrics: MetricRecorder, reader: MetricReader) -> None:
        self._policy = policy
        self._metrics = metrics
        self._reader = reader

    async def comparison(self, names: Sequence[str] | None, window: timedelta) -> ProviderComparison:
        """Providers side by side. Raises ``NotFound``, and ``Invalid`` for a window longer than figures are kept."""
        self._policy.require("comparison")
        providers = self._policy.directory.select(names, ("providers",))
        await self._metrics.flush()
        return await self._reader.compare(providers, window)

    async def metrics(self, name: str, window: timedelta) -> ProviderFigures:
        """The figures of one provider. Raises as ``comparison`` does."""
        self._policy.require("metrics")
        return (await self.comparison([name], window)).providers[0]

    async def slices(self, whole: ProviderFigures, count: int) -> list[ProviderFigures]:
        """The same figures for equal parts of their window. Raises ``Invalid`` for too many."""
        self._policy.require("slices")
        if whole.part or not 1 <= count <= MAX_SLICES:
            raise Invalid(f"Ask for 1 to {MAX_SLICES} slices, of a whole window.", path=("count",))
        return await anyio.to_thread.run_sync(whole.slices, count)
