"""Metric reader: compares providers over a window, from the stored counts of all gateways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import anyio

from gateway.config import MetricSettings
from gateway.directory import ConnectedProvider
from gateway.metrics.figures import Comparison, ProviderFigures, figures
from gateway.metrics.recorder import MINUTE_RETENTION
from gateway.store import Store
from gateway.store.metrics import HOUR, MINUTE, MetricRow, bucket_start
from providers.clock import Clock
from providers.errors import Invalid


class MetricReader:
    """Reads what all gateways have recorded."""

    def __init__(self, store: Store, settings: MetricSettings, clock: Clock) -> None:
        self._store = store
        self._retention = timedelta(seconds=settings.keep)
        self._clock = clock

    async def compare(self, providers: Sequence[ConnectedProvider], window: timedelta) -> Comparison:
        """Figures of providers over a window up to now. Raises ``Invalid`` for a window beyond the retention."""
        begin, now = self._window(window)
        rows: dict[str, list[MetricRow]] = defaultdict(list)
        for row in await self._store.metrics.read_since(begin, [each.name for each in providers]):
            rows[row.provider].append(row)
        return Comparison(begin, now, [await self._figures(each, begin, now, rows[each.name]) for each in providers])

    def _window(self, window: timedelta) -> tuple[datetime, datetime]:
        """Begin and end of a window; the begin is that of a minute, or of an hour where minutes are rolled up."""
        if not timedelta(0) < window <= self._retention:
            days = self._retention / timedelta(days=1)
            raise Invalid(f"Ask for a window of more than nothing and at most {days:g} days.", path=("window",))
        now = self._clock.now()
        return bucket_start(now - window, MINUTE if window < MINUTE_RETENTION else HOUR), now

    async def _figures(
        self, provider: ConnectedProvider, begin: datetime, now: datetime, rows: Sequence[MetricRow]
    ) -> ProviderFigures:
        open_ = await self._store.polls.count_open(provider.name)
        return await anyio.to_thread.run_sync(figures, provider, begin, now, rows, open_)
