"""The same figures for every provider, over the same window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import anyio

from gateway.config import Settings
from gateway.directory import Directory
from gateway.metrics import Comparison, Ledger, ProviderFigures
from gateway.signing.watching import Watching
from gateway.store import Store
from gateway.web.uploads import Uploads
from providers.clock import Clock
from providers.errors import Invalid

MOST_SLICES: Final = 200


class Comparing(Watching):
    """Providers compared."""

    def __init__(self, settings: Settings, directory: Directory, store: Store, uploads: Uploads, clock: Clock) -> None:
        super().__init__(settings, directory, store, uploads, clock)
        self._ledger = Ledger(store, settings.metrics, clock)
        for provider in directory:
            provider.adapter.http.meter = self._metrics.meter(provider.name)

    async def open(self) -> None:
        """Begins to keep what is counted."""
        await self._metrics.open()
        await super().open()

    async def close(self) -> None:
        """Ends everything that is under way, and keeps what it has counted."""
        await super().close()
        await self._metrics.close()

    async def comparison(self, names: Sequence[str] | None, window: timedelta) -> Comparison:
        """Providers side by side. Raises ``NotFound``, and ``Invalid`` for a window that nothing is known of."""
        wanted = self.directory.chosen(names, ("providers",))
        await self._metrics.flush()
        return await self._ledger.compare(wanted, window)

    async def metrics(self, name: str, window: timedelta) -> ProviderFigures:
        """The figures of one provider. Raises as ``comparison`` does."""
        return (await self.comparison([name], window)).providers[0]

    async def slices(self, whole: ProviderFigures, count: int) -> list[ProviderFigures]:
        """The same figures for equal parts of their window. Raises ``Invalid`` for too many."""
        if whole.part or not 1 <= count <= MOST_SLICES:
            raise Invalid(f"Ask for 1 to {MOST_SLICES} slices, of a whole window.", path=("count",))
        return await anyio.to_thread.run_sync(whole.slices, count)
