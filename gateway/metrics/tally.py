"""Tally: the counters of one provider over a time span, without personal data. Tallies merge by addition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from gateway.metrics.histogram import Histogram
from gateway.store.session_state.body import DECODE_ERRORS

CREATED: Final = "CREATED"
"""Key of created sessions, beside the final statuses."""


class Tally(msgspec.Struct, array_like=True):
    """Counters of one provider. Merging is commutative.

    ``calls`` are latencies by operation ("" for none) and outcome; ``unreadable`` counts those of them whose successful
    response could not be decoded. ``sessions`` counts created sessions, and ended ones by status; ``completion`` is the time
    from creation to completion, ``lag`` the time from a change to its observation here. ``unknown`` counts status words
    without a mapping.
    """

    calls: dict[str, dict[str, Histogram]] = msgspec.field(default_factory=dict)
    unreadable: dict[str, int] = msgspec.field(default_factory=dict)
    sessions: dict[str, int] = msgspec.field(default_factory=dict)
    completion: Histogram = msgspec.field(default_factory=Histogram)
    lag: Histogram = msgspec.field(default_factory=Histogram)
    unknown: int = 0

    def count_calls(self, operation: str, outcome: str, seconds: Iterable[float]) -> None:
        """Adds calls."""
        outcomes = self.calls.setdefault(operation, {})
        outcomes.setdefault(outcome, Histogram()).add(seconds)

    def count_unreadable(self, operation: str, count: int) -> None:
        """Adds unreadable responses of calls that are counted already."""
        self.unreadable[operation] = self.unreadable.get(operation, 0) + count

    def count_sessions(self, status: str, count: int = 1) -> None:
        """Adds sessions."""
        self.sessions[status] = self.sessions.get(status, 0) + count

    def merge(self, other: Tally) -> None:
        """Adds another tally."""
        for operation, outcomes in other.calls.items():
            mine = self.calls.setdefault(operation, {})
            for outcome, histogram in outcomes.items():
                mine.setdefault(outcome, Histogram()).merge(histogram)
        for operation, count in other.unreadable.items():
            self.count_unreadable(operation, count)
        for status, count in other.sessions.items():
            self.count_sessions(status, count)
        self.completion.merge(other.completion)
        self.lag.merge(other.lag)
        self.unknown += other.unknown

    def encode(self) -> bytes:
        """The tally as it is stored."""
        return msgspec.msgpack.encode(self)


_DECODER: Final = msgspec.msgpack.Decoder(Tally)


def decode(body: bytes) -> Tally:
    """A stored tally; an empty one where another version of the gateway has stored it in an unknown form."""
    try:
        return _DECODER.decode(body)
    except DECODE_ERRORS:
        return Tally()


def merge_encoded(bodies: Iterable[bytes]) -> bytes:
    """One encoded tally of several."""
    total = Tally()
    for body in bodies:
        total.merge(decode(body))
    return total.encode()
