"""DDSketch: a histogram of durations whose quantiles are within one per cent of the true value; merging is exact."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

RELATIVE_ERROR: Final = 0.01
"""Relative error of a quantile."""
_MIN_SECONDS, _MAX_SECONDS = 1e-6, 1e9
"""Shorter durations count as zero, longer ones (thirty years) as the maximum: 1,727 bins at most."""
_MAPPING: Final = LogarithmicMapping(RELATIVE_ERROR)


class Histogram(msgspec.Struct, array_like=True):
    """Counts of durations in seconds, by the sketch's bins. Merging is commutative.

    ``zeros`` counts durations too short for a bin; ``longest`` is exact.
    """

    bins: dict[int, int] = msgspec.field(default_factory=dict)
    zeros: int = 0
    longest: float = 0.0

    @property
    def count(self) -> int:
        """The number of durations."""
        return self.zeros + sum(self.bins.values())

    def add(self, values: Iterable[float]) -> None:
        """Adds durations."""
        bins = self.bins
        for value in values:
            if value < _MIN_SECONDS:
                self.zeros += 1
                continue
            key = _MAPPING.key(min(value, _MAX_SECONDS))
            bins[key] = bins.get(key, 0) + 1
            if value > self.longest:
                self.longest = value

    def merge(self, other: Histogram) -> None:
        """Adds another histogram."""
        bins = self.bins
        for key, count in other.bins.items():
            bins[key] = bins.get(key, 0) + count
        self.zeros += other.zeros
        self.longest = max(self.longest, other.longest)

    def quantiles(self, *ranks: float) -> list[float | None]:
        """The quantiles of these ranks, from 0 to 1; None each where the histogram is empty."""
        store = DenseStore()
        for key, count in self.bins.items():
            store.add(key, count)
        sketch = BaseDDSketch(_MAPPING, store, DenseStore(), self.zeros)
        values = (sketch.get_quantile_value(each) for each in ranks)
        # The middle of the last bin may be beyond the longest duration.
        return [None if value is None else min(float(value), self.longest) for value in values]


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """One histogram of several."""
    total = Histogram()
    for each in histograms:
        total.merge(each)
    return total
