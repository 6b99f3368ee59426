"""The same figures for every provider, over the same window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import anyio

from gateway.directory import Connected, Directory
from gateway.metrics import Comparison, ProviderFigures
from gateway.metrics.figures import figures
from gateway.metrics.metrics import KEPT_BY_MINUTE
from gateway.settings import Settings
from gateway.signing.watching import Watching
from gateway.store import Store
from gateway.store.metrics import HOUR, MINUTE, MetricRow, begin_of
from gateway.uploads import Uploads
from providers.clock import Clock
from providers.errors import Invalid

MOST_SLICES: Final = 200


class Comparing(Watching):
    """Providers compared."""

    def __init__(self, settings: Settings, directory: Directory, store: Store, uploads: Uploads, clock: Clock) -> None:
        super().__init__(settings, directory, store, uploads, clock)
        self._longest = timedelta(seconds=settings.metrics.keep)
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
        wanted = self._compared(names)
        begin, now = self._window(window)
        rows = await self._counted(begin, [each.name for each in wanted])
        return Comparison(begin, now, [await self._figures(each, begin, now, rows[each.name]) for each in wanted])

    async def metrics(self, name: str, window: timedelta) -> ProviderFigures:
        """The figures of one provider. Raises as ``comparison`` does."""
        provider = self.directory.get(name)
        begin, now = self._window(window)
        return await self._figures(provider, begin, now, (await self._counted(begin, [name]))[name])

    async def slices(self, whole: ProviderFigures, count: int) -> list[ProviderFigures]:
        """The same figures for equal parts of their window. Raises ``Invalid`` for too many."""
        if whole.part or not 1 <= count <= MOST_SLICES:
            raise Invalid(f"Ask for 1 to {MOST_SLICES} slices, of a whole window.", path=("count",))
        return await anyio.to_thread.run_sync(whole.slices, count)

    def _compared(self, names: Sequence[str] | None) -> list[Connected]:
        if names is None:
            return list(self.directory)
        return [self.directory.get(name, ("providers",)) for name in dict.fromkeys(names)]

    def _window(self, window: timedelta) -> tuple[datetime, datetime]:
        """When it begins and ends: at the begin of a minute, or of an hour where only hours are kept."""
        if not timedelta(0) < window <= self._longest:
            days = self._longest / timedelta(days=1)
            raise Invalid(f"Ask for a window of more than nothing and at most {days:g} days.", path=("window",))
        now = self._clock.now()
        span = MINUTE if window < KEPT_BY_MINUTE else HOUR
        return begin_of(now - window, span), now

    async def _counted(self, begin: datetime, names: Sequence[str]) -> dict[str, list[MetricRow]]:
        await self._metrics.flush()
        found: dict[str, list[MetricRow]] = defaultdict(list)
        for row in await self._store.metrics.since(begin, names):
            found[row.provider].append(row)
        return found

    async def _figures(self, provider: Connected, begin: datetime, now: datetime, rows: Sequence[MetricRow]) -> ProviderFigures:
        open_ = await self._store.polls.count_open(provider.name)
        return await anyio.to_thread.run_sync(figures, provider, begin, now, rows, open_)
