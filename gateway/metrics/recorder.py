"""Counts what happens at this gateway, minute by minute, and keeps it in the store.

A call costs an addition to a list. Lists become histograms when they are kept, every few seconds; a gateway that dies loses
what it has counted since. The row of a minute is written anew as the minute grows, so that to write it twice is to write it
once.
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
from gateway.metrics.change import count
from gateway.metrics.tally import Tally, sum_of
from gateway.store import Store
from gateway.store.metrics import HOUR, MINUTE, MetricRow, bucket_start
from gateway.task import cancel_and_wait
from gateway.telemetry.log_once import OutageLog
from providers.change import Change
from providers.clock import Clock
from providers.http.metering import UNREADABLE, Meter
from providers.model import Session

KEPT_BY_MINUTE: Final = timedelta(hours=3)
"""For so long, minutes are kept apart; afterwards only hours are."""
_PENDING: Final = timedelta(hours=2)
"""What could not be kept for so long, as the database was away, is given up: hours may have been made of its minutes."""
_AT_ONCE: Final = 256
"""Calls that become a histogram at once, for which everybody waits: less than a millisecond."""
_TIDYING: Final = timedelta(minutes=10)
_LAST_SECONDS: Final = 3.0
_log = logging.getLogger("countersign.metrics")

_Waiting = dict[tuple[str, str], list[float]]


class Metrics:
    """What this gateway counts. ``open`` begins to keep it, ``close`` keeps the rest."""

    def __init__(self, store: Store, settings: MetricSettings, clock: Clock) -> None:
        self._rows = store.metrics
        self._settings = settings
        self._clock = clock
        self._gateway = uuid4().hex
        self._waiting: dict[str, _Waiting] = {}
        self._tallies: dict[tuple[str, datetime], Tally] = defaultdict(Tally)
        self._dirty: set[tuple[str, datetime]] = set()
        self._lock = asyncio.Lock()
        self._tidied_at: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to keep what is counted."""
        self._task = asyncio.create_task(self._keep(), name="keeper of metrics")

    async def close(self) -> None:
        """Ends, and keeps what is left, for which it takes a bounded time."""
        await cancel_and_wait(self._task)
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self.flush()
        except Exception:
            _log.exception("the last figures could not be kept")

    def meter(self, provider: str) -> Meter:
        """What counts the calls to a provider."""
        waiting = self._waiting.setdefault(provider, {})
        fold = partial(self._fold, provider, waiting)

        def call(operation: str, outcome: str, seconds: float) -> None:
            values = waiting.get((operation, outcome))
            if values is None:
                values = waiting[operation, outcome] = []
            values.append(seconds)
            if len(values) >= _AT_ONCE:
                fold()

        return call

    def changed(self, known: Session | None, seen: Session, changes: Sequence[Change]) -> None:
        """Counts what has come of a session."""
        count(self._tally(seen.provider), known, seen, changes, self._clock.now())

    async def flush(self) -> None:
        """Keeps what was counted so far."""
        async with self._lock:
            for provider, waiting in self._waiting.items():
                self._fold(provider, waiting)
            keys, self._dirty = self._dirty, set()
            try:
                await self._rows.put(self._gateway, [MetricRow(*key, MINUTE, self._tallies[key].encode()) for key in keys])
            except BaseException:
                self._dirty |= keys
                self._give_up()
                raise
            this = bucket_start(self._clock.now(), MINUTE)
            for key in [each for each in self._tallies if each[1] != this and each not in self._dirty]:
                del self._tallies[key]

    async def tidy(self) -> None:
        """Makes hours of minutes, and removes what is past its time, of all gateways."""
        now = self._clock.now()
        await self._rows.roll_up(self._gateway, bucket_start(now - KEPT_BY_MINUTE, HOUR), sum_of)
        await self._rows.delete_before(now - timedelta(seconds=self._settings.keep))
        self._tidied_at = now

    def _fold(self, provider: str, waiting: _Waiting) -> None:
        for (operation, outcome), values in waiting.items():
            if not values:
                continue
            tally = self._tally(provider)
            if outcome == UNREADABLE:
                tally.misread(operation, len(values))
            else:
                tally.called(operation, outcome, values)
            values.clear()

    def _tally(self, provider: str) -> Tally:
        key = provider, bucket_start(self._clock.now(), MINUTE)
        self._dirty.add(key)
        return self._tallies[key]

    def _give_up(self) -> None:
        oldest = self._clock.now() - _PENDING
        for key in [each for each in self._tallies if each[1] < oldest]:
            del self._tallies[key]
            self._dirty.discard(key)

    async def _keep(self) -> None:
        outage = OutageLog(_log, "figures could not be kept")
        while True:
            # By the machine's own time: how soon figures are kept is nothing that anybody sees.
            await asyncio.sleep(self._settings.flush)
            with outage.log_and_continue():
                await self.flush()
                if self._tidied_at is None or self._clock.now() - self._tidied_at >= _TIDYING:
                    await self.tidy()
