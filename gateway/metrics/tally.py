"""What is counted of one provider over some time. There is nothing in it of anybody, or of any one session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from gateway.metrics.histogram import Histogram
from gateway.store.session_state.body import UNDECODABLE

CREATED: Final = "CREATED"
"""Beside the statuses that sessions end in: that one began."""


class Tally(msgspec.Struct, array_like=True):
    """Counts of one provider. Two are merged by adding, in any order.

    ``calls`` are latencies of calls by operation ("" for none) and outcome, ``unreadable`` counts those of them that were
    answered well and with what nobody can read. ``sessions`` counts by what became of them, and those that were made;
    ``completion`` is how long sessions took to be completed, ``lag`` how much later we saw a change than it was.
    ``unknown`` counts words for a status that we do not know.
    """

    calls: dict[str, dict[str, Histogram]] = msgspec.field(default_factory=dict)
    unreadable: dict[str, int] = msgspec.field(default_factory=dict)
    sessions: dict[str, int] = msgspec.field(default_factory=dict)
    completion: Histogram = msgspec.field(default_factory=Histogram)
    lag: Histogram = msgspec.field(default_factory=Histogram)
    unknown: int = 0

    def called(self, operation: str, outcome: str, seconds: Iterable[float]) -> None:
        """Counts calls."""
        outcomes = self.calls.setdefault(operation, {})
        outcomes.setdefault(outcome, Histogram()).add(seconds)

    def misread(self, operation: str, count: int) -> None:
        """Counts calls, counted already, whose answers could not be read."""
        self.unreadable[operation] = self.unreadable.get(operation, 0) + count

    def became(self, what: str, count: int = 1) -> None:
        """Counts sessions."""
        self.sessions[what] = self.sessions.get(what, 0) + count

    def merge(self, other: Tally) -> None:
        """Counts what another has counted."""
        for operation, outcomes in other.calls.items():
            mine = self.calls.setdefault(operation, {})
            for outcome, histogram in outcomes.items():
                mine.setdefault(outcome, Histogram()).merge(histogram)
        for operation, count in other.unreadable.items():
            self.misread(operation, count)
        for what, count in other.sessions.items():
            self.became(what, count)
        self.completion.merge(other.completion)
        self.lag.merge(other.lag)
        self.unknown += other.unknown

    def encode(self) -> bytes:
        """For the store."""
        return msgspec.msgpack.encode(self)


_DECODER: Final = msgspec.msgpack.Decoder(Tally)


def decode(body: bytes) -> Tally:
    """From the store. What another version of the gateway has counted in a way that this one cannot read counts nothing."""
    try:
        return _DECODER.decode(body)
    except UNDECODABLE:
        return Tally()


def sum_of(bodies: Iterable[bytes]) -> bytes:
    """Several tallies as one, all of them encoded."""
    whole = Tally()
    for body in bodies:
        whole.merge(decode(body))
    return whole.encode()
