"""Provider figures: rates, latency quantiles and session outcomes, computed from tallies over one window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from gateway.directory import ConnectedProvider
from gateway.metrics.histogram import Histogram, merged
from gateway.metrics.tally import CREATED, Tally, decode
from gateway.store.metrics import MetricRow
from providers.capability import Operation
from providers.decoding.coercion import MAX_INT32
from providers.errors import ProblemCode
from providers.http.metering import ABANDONED
from providers.model import SessionStatus

_UNANSWERED: Final = frozenset({ProblemCode.PROVIDER_UNAVAILABLE, ProblemCode.PROVIDER_MISBEHAVED, ProblemCode.IN_DOUBT})
_FAILED: Final = _UNANSWERED | {ProblemCode.PROVIDER_BUSY, ProblemCode.AUTHORIZATION_REQUIRED}
"""A refusal that the provider has understood is no failure."""
_INCOMPLETE: Final = (SessionStatus.FAILED, SessionStatus.PARTIALLY_COMPLETED)


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency quantiles in milliseconds; None without samples."""

    samples: int
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    @classmethod
    def of(cls, histogram: Histogram) -> Latency:
        """The quantiles of a histogram."""
        if not (samples := histogram.count):
            return cls(0, None, None, None, None)
        p50, p90, p99 = (_ms(each) for each in histogram.quantiles(0.5, 0.9, 0.99))
        return cls(samples, p50, p90, p99, _ms(histogram.longest))


@dataclass(frozen=True, slots=True)
class DurationFigures:
    """Quantiles of long durations; None without samples."""

    samples: int
    p50: timedelta | None
    p90: timedelta | None

    @classmethod
    def of(cls, histogram: Histogram) -> DurationFigures:
        """The quantiles of a histogram."""
        p50, p90 = (None if each is None else timedelta(seconds=round(each, 3)) for each in histogram.quantiles(0.5, 0.9))
        return cls(min(MAX_INT32, histogram.count), p50, p90)


@dataclass(frozen=True, slots=True)
class OperationFigures:
    """Calls of one operation."""

    operation: Operation
    requests: int
    failures: int
    latency: Latency


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """Outcomes of sessions, each counted when its creation or end was observed; ``open`` is as of now."""

    created: int
    completed: int
    declined: int
    canceled: int
    expired: int
    failed: int
    open: int
    time_to_complete: DurationFigures

    @property
    def completion_rate(self) -> float | None:
        """Share of completed sessions among ended ones; None where none has ended."""
        ended = self.completed + self.declined + self.canceled + self.expired + self.failed
        return self.completed / ended if ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFigures:
    """One provider over a window, computed from ``rows``, oldest first; ``part`` marks a slice of the window."""

    provider: ConnectedProvider
    from_: datetime
    to: datetime
    requests: int
    failures: int
    unanswered: int
    latency: Latency
    operations: Sequence[OperationFigures]
    sessions: SessionFigures
    status_lag: Latency
    unknown_statuses: int
    rows: Sequence[MetricRow] = field(repr=False)
    part: bool = False

    @property
    def failure_rate(self) -> float | None:
        """Share of failed calls; None without calls."""
        return self.failures / self.requests if self.requests else None

    @property
    def availability(self) -> float | None:
        """Share of calls that the provider has answered readably, refusals included; None without calls."""
        return 1 - self.unanswered / self.requests if self.requests else None

    def slices(self, count: int) -> list[ProviderFigures]:
        """Figures of equal parts of the window, oldest first. A row of an hour counts in the part where the hour begins."""
        span = (self.to - self.from_) / count
        edges = [self.from_ + span * place for place in range(count)] + [self.to]
        parts: list[list[MetricRow]] = [[] for _ in range(count)]
        for row in self.rows:
            parts[min(max(int((row.at - self.from_) / span), 0), count - 1)].append(row)
        open_ = self.sessions.open
        made = (figures(self.provider, edges[at], edges[at + 1], rows, open_) for at, rows in enumerate(parts))
        return [replace(each, part=True, rows=()) for each in made]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several providers over one window."""

    from_: datetime
    to: datetime
    providers: Sequence[ProviderFigures]


def figures(
    provider: ConnectedProvider, begin: datetime, to: datetime, rows: Sequence[MetricRow], open_: int
) -> ProviderFigures:
    """Computes the figures of a provider from its rows. Takes CPU time: a millisecond for some ten rows."""
    total = Tally()
    for row in rows:
        total.merge(decode(row.body))
    operations = tuple(_operations(total))
    outcomes = list(total.calls.values())
    unreadable = sum(total.unreadable.values())
    return ProviderFigures(
        provider=provider,
        from_=begin,
        to=to,
        requests=min(MAX_INT32, sum(map(_requests, outcomes))),
        failures=min(MAX_INT32, sum(_count(each, _FAILED) for each in outcomes) + unreadable),
        unanswered=sum(_count(each, _UNANSWERED) for each in outcomes) + unreadable,
        latency=Latency.of(merged(_durations(outcomes))),
        operations=operations,
        sessions=_sessions(total, open_),
        status_lag=Latency.of(total.lag),
        unknown_statuses=min(MAX_INT32, total.unknown),
        rows=rows,
    )


def _operations(total: Tally) -> Iterator[OperationFigures]:
    """Figures by operation, in the order of the enumeration. Calls of none, such as token refreshes, are in the sums alone."""
    for operation in Operation:
        outcomes = total.calls.get(operation.value)
        if outcomes is not None:
            yield OperationFigures(
                operation,
                _requests(outcomes),
                min(MAX_INT32, _count(outcomes, _FAILED) + total.unreadable.get(operation.value, 0)),
                Latency.of(merged(_durations([outcomes]))),
            )


def _sessions(total: Tally, open_: int) -> SessionFigures:
    # A correction subtracts what may have been counted before the window began.
    ended = {status: min(MAX_INT32, max(count, 0)) for status, count in total.sessions.items()}
    return SessionFigures(
        created=ended.get(CREATED, 0),
        completed=ended.get(SessionStatus.COMPLETED, 0),
        declined=ended.get(SessionStatus.DECLINED, 0),
        canceled=ended.get(SessionStatus.CANCELED, 0) + ended.get(SessionStatus.DELETED, 0),
        expired=ended.get(SessionStatus.EXPIRED, 0),
        failed=sum(ended.get(status, 0) for status in _INCOMPLETE),
        open=open_,
        time_to_complete=DurationFigures.of(total.completion),
    )


def _requests(outcomes: Mapping[str, Histogram]) -> int:
    return min(MAX_INT32, sum(each.count for each in outcomes.values()))


def _count(outcomes: Mapping[str, Histogram], which: frozenset[ProblemCode]) -> int:
    return sum(histogram.count for outcome, histogram in outcomes.items() if outcome in which)


def _durations(operations: Sequence[Mapping[str, Histogram]]) -> Iterator[Histogram]:
    """Histograms of calls that we have not abandoned."""
    for outcomes in operations:
        yield from (histogram for outcome, histogram in outcomes.items() if outcome != ABANDONED)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
