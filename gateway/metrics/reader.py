"""The figures as they are in the store, for whoever compares providers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import anyio

from gateway.config import MetricSettings
from gateway.directory import Connected
from gateway.metrics.figures import Comparison, ProviderFigures, figures
from gateway.metrics.recorder import KEPT_BY_MINUTE
from gateway.store import Store
from gateway.store.metrics import HOUR, MINUTE, MetricRow, bucket_start
from providers.clock import Clock
from providers.errors import Invalid


class Ledger:
    """What all gateways have counted and kept."""

    def __init__(self, store: Store, settings: MetricSettings, clock: Clock) -> None:
        self._store = store
        self._longest = timedelta(seconds=settings.keep)
        self._clock = clock

    async def compare(self, providers: Sequence[Connected], window: timedelta) -> Comparison:
        """Providers side by side, up to now. Raises ``Invalid`` for a window that nothing is known of."""
        begin, now = self._window(window)
        rows: dict[str, list[MetricRow]] = defaultdict(list)
        for row in await self._store.metrics.read_since(begin, [each.name for each in providers]):
            rows[row.provider].append(row)
        return Comparison(begin, now, [await self._figures(each, begin, now, rows[each.name]) for each in providers])

    def _window(self, window: timedelta) -> tuple[datetime, datetime]:
        """When it begins and ends: at the begin of a minute, or of an hour where only hours are kept."""
        if not timedelta(0) < window <= self._longest:
            days = self._longest / timedelta(days=1)
            raise Invalid(f"Ask for a window of more than nothing and at most {days:g} days.", path=("window",))
        now = self._clock.now()
        return bucket_start(now - window, MINUTE if window < KEPT_BY_MINUTE else HOUR), now

    async def _figures(self, provider: Connected, begin: datetime, now: datetime, rows: Sequence[MetricRow]) -> ProviderFigures:
        open_ = await self._store.polls.count_open(provider.name)
        return await anyio.to_thread.run_sync(figures, provider, begin, now, rows, open_)
