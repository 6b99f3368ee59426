"""How long things took, as a DDSketch: any quantile is told within one per cent of the true value, and sums stay exact."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

RELATIVE_ERROR: Final = 0.01
"""How far a quantile may be from the true value, as a part of it."""
_SHORTEST, _LONGEST = 1e-6, 1e9
"""Seconds. What is shorter counts as nothing, what is longer (thirty years) as this: so there are 1,727 bins at most."""
_MAPPING: Final = LogarithmicMapping(RELATIVE_ERROR)


class Histogram(msgspec.Struct, array_like=True):
    """Counts of lengths of time in seconds, by the sketch's bins. Two are merged by adding, in any order.

    ``zeros`` are those too short for a bin, ``longest`` is exact.
    """

    bins: dict[int, int] = msgspec.field(default_factory=dict)
    zeros: int = 0
    longest: float = 0.0

    @property
    def count(self) -> int:
        """How many there are."""
        return self.zeros + sum(self.bins.values())

    def add(self, values: Iterable[float]) -> None:
        """Counts lengths of time."""
        bins = self.bins
        for value in values:
            if value < _SHORTEST:
                self.zeros += 1
                continue
            key = _MAPPING.key(min(value, _LONGEST))
            bins[key] = bins.get(key, 0) + 1
            if value > self.longest:
                self.longest = value

    def merge(self, other: Histogram) -> None:
        """Counts what another has counted."""
        bins = self.bins
        for key, count in other.bins.items():
            bins[key] = bins.get(key, 0) + count
        self.zeros += other.zeros
        self.longest = max(self.longest, other.longest)

    def quantiles(self, *wanted: float) -> list[float | None]:
        """The values below which these parts of all are; None each where there are none."""
        store = DenseStore()
        for key, count in self.bins.items():
            store.add(key, count)
        sketch = BaseDDSketch(_MAPPING, store, DenseStore(), self.zeros)
        found = (sketch.get_quantile_value(each) for each in wanted)
        # The middle of the last bin may lie beyond the longest of all.
        return [None if value is None else min(float(value), self.longest) for value in found]


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All of them in one."""
    whole = Histogram()
    for each in histograms:
        whole.merge(each)
    return whole
