"""Metric recorder: counts the calls and session changes of this gateway by minute, and flushes them to the store.

A call costs an append to a list. Lists are folded into histograms at each flush, every few seconds; a gateway that dies loses
what it has counted since. The row of a minute is replaced as the minute grows, so that writing it twice is idempotent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import uuid4

from gateway.config import MetricSettings
from gateway.metrics.change import count_change
from gateway.metrics.tally import Tally, merge_encoded
from gateway.store import Store
from gateway.store.metrics import HOUR, MINUTE, MetricRow, bucket_start
from gateway.task import cancel_and_wait
from gateway.telemetry.log_once import OutageLog
from providers.clock import Clock
from providers.http.metering import UNREADABLE, Meter
from providers.model import Session
from providers.model.change import Change

MINUTE_RETENTION: Final = timedelta(hours=3)
"""Retention of rows by minute; afterwards they are rolled up into hours."""
_MAX_UNSTORED: Final = timedelta(hours=2)
"""Counts that could not be stored for so long are dropped: their minutes may have been rolled up already."""
_FOLD_SIZE: Final = 256
"""Calls that are folded at once, on the event loop: less than a millisecond."""
_ROLL_UP_INTERVAL: Final = timedelta(minutes=10)
_LAST_FLUSH_TIMEOUT: Final = 3.0
_log = logging.getLogger("countersign.metrics")

_Waiting = dict[tuple[str, str], list[float]]


class MetricRecorder:
    """Counters of this gateway. ``open`` starts to flush them, ``close`` flushes the rest."""

    def __init__(self, store: Store, settings: MetricSettings, clock: Clock) -> None:
        self._rows = store.metrics
        self._settings = settings
        self._clock = clock
        self._gateway = uuid4().hex
        self._waiting: dict[str, _Waiting] = {}
        self._tallies: dict[tuple[str, datetime], Tally] = defaultdict(Tally)
        self._dirty: set[tuple[str, datetime]] = set()
        self._lock = asyncio.Lock()
        self._rolled_up_at: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Starts to flush."""
        self._task = asyncio.create_task(self._flush_repeatedly(), name="flush of metrics")

    async def close(self) -> None:
        """Stops, and flushes the rest within a bounded time."""
        await cancel_and_wait(self._task)
        try:
            async with asyncio.timeout(_LAST_FLUSH_TIMEOUT):
                await self.flush()
        except Exception:
            _log.exception("the last figures could not be kept")

    def meter(self, provider: str) -> Meter:
        """The meter of a provider's calls."""
        waiting = self._waiting.setdefault(provider, {})
        fold = partial(self._fold, provider, waiting)

        def call(operation: str, outcome: str, seconds: float) -> None:
            values = waiting.get((operation, outcome))
            if values is None:
                values = waiting[operation, outcome] = []
            values.append(seconds)
            if len(values) >= _FOLD_SIZE:
                fold()

        return call

    def record_change(self, last: Session | None, seen: Session, changes: Sequence[Change]) -> None:
        """Counts a change of a session."""
        count_change(self._tally(seen.provider), last, seen, changes, self._clock.now())

    async def flush(self) -> None:
        """Writes the counters of all minutes that have changed."""
        async with self._lock:
            for provider, waiting in self._waiting.items():
                self._fold(provider, waiting)
            keys, self._dirty = self._dirty, set()
            try:
                await self._rows.put(self._gateway, [MetricRow(*key, MINUTE, self._tallies[key].encode()) for key in keys])
            except BaseException:
                self._dirty |= keys
                self._drop_oldest()
                raise
            current = bucket_start(self._clock.now(), MINUTE)
            for key in [each for each in self._tallies if each[1] != current and each not in self._dirty]:
                del self._tallies[key]

    async def roll_up(self) -> None:
        """Rolls minutes up into hours, and removes expired rows, of all gateways."""
        now = self._clock.now()
        await self._rows.roll_up(self._gateway, bucket_start(now - MINUTE_RETENTION, HOUR), merge_encoded)
        await self._rows.delete_before(now - timedelta(seconds=self._settings.keep))
        self._rolled_up_at = now

    def _fold(self, provider: str, waiting: _Waiting) -> None:
        for (operation, outcome), values in waiting.items():
            if not values:
                continue
            tally = self._tally(provider)
            if outcome == UNREADABLE:
                tally.count_unreadable(operation, len(values))
            else:
                tally.count_calls(operation, outcome, values)
            values.clear()

    def _tally(self, provider: str) -> Tally:
        key = provider, bucket_start(self._clock.now(), MINUTE)
        self._dirty.add(key)
        return self._tallies[key]

    def _drop_oldest(self) -> None:
        oldest = self._clock.now() - _MAX_UNSTORED
        for key in [each for each in self._tallies if each[1] < oldest]:
            del self._tallies[key]
            self._dirty.discard(key)

    async def _flush_repeatedly(self) -> None:
        outage = OutageLog(_log, "figures could not be kept")
        while True:
            # By the machine's clock, not by ours: no test or client sees when metrics are flushed.
            await asyncio.sleep(self._settings.flush)
            with outage.log_and_continue():
                await self.flush()
                if self._rolled_up_at is None or self._clock.now() - self._rolled_up_at >= _ROLL_UP_INTERVAL:
                    await self.roll_up()
