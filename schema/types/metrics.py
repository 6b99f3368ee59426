"""Metrics of providers: calls, latencies and sessions over a window, alike for every provider."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway import metrics
from providers.capability import Operation
from schema.context import Info
from schema.scalars import Duration
from schema.types.binding import describes, resolved

if TYPE_CHECKING:
    from schema.types.provider import Provider

ONE_DAY = Duration.of(timedelta(days=1), "P1D")


@strawberry.type
@describes(metrics.Latency)
class Latency:
    """Latencies in milliseconds. Quantiles are within one per cent of the true value; the maximum is exact."""

    samples: int
    p50_ms: float | None = strawberry.field(name="p50Ms")
    p90_ms: float | None = strawberry.field(name="p90Ms")
    p99_ms: float | None = strawberry.field(name="p99Ms")
    max_ms: float | None


@strawberry.type
@describes(metrics.DurationFigures)
class DurationStats:
    """Durations of hours and days. Quantiles are within one per cent of the true value."""

    samples: int
    p50: Duration | None
    p90: Duration | None


@strawberry.type
@describes(metrics.OperationFigures)
class OperationMetrics:
    """Calls for one operation, each attempt counted. Reading one session is part of listing them."""

    operation: Operation
    requests: int
    failures: int
    latency: Latency


@strawberry.type
@describes(metrics.SessionFigures)
class SessionMetrics:
    """Sessions by their end. Each is counted when it is seen to begin or to end."""

    created: int
    completed: int
    declined: int
    canceled: int
    expired: int
    failed: int = strawberry.field(description="With those that closed without every document signed.")
    open: int = strawberry.field(description="Sessions that can still change, as of now.")
    completion_rate: float | None = strawberry.field(
        description="How many of those that ended in the window were completed, from 0 to 1. Null where none has ended."
    )
    time_to_complete: DurationStats


def _from(root: strawberry.Parent[metrics.ProviderFigures | metrics.Comparison]) -> datetime:
    return root.from_


async def _slices(
    root: strawberry.Parent[metrics.ProviderFigures], info: Info, count: int = 24
) -> list[metrics.ProviderFigures]:
    return await info.context.signing.comparison.slices(root, count)


@strawberry.type
@describes(metrics.ProviderFigures)
class ProviderMetrics:
    """One provider over a window, of all gateways together, without personal data."""

    provider: Annotated[Provider, strawberry.lazy("schema.types.provider")]
    from_: datetime = resolved(_from, name="from", pure=True)
    to: datetime
    requests: int = strawberry.field(description="Calls that were sent, each attempt and each request for a token counted.")
    failures: int = strawberry.field(
        description="Calls without an answer that is of use: none at all, one that nobody can read, a plea for patience, or"
        " refused credentials. A provider that understood and said no has not failed."
    )
    failure_rate: float | None = strawberry.field(description="Failures by requests, from 0 to 1. Null without requests.")
    availability: float | None = strawberry.field(
        description="How many requests the provider answered with sense, be it with a no, from 0 to 1. Null without requests."
    )
    latency: Latency = strawberry.field(
        description="From sending a request to the end of its answer; of a download, to its begin."
    )
    operations: list[OperationMetrics]
    sessions: SessionMetrics
    status_lag: Latency = strawberry.field(
        description="From the moment the provider says it happened to the moment a subscriber could know."
    )
    unknown_statuses: int = strawberry.field(
        description="How often the provider has said a word for a status that we do not know."
    )
    slices: list[Annotated[ProviderMetrics, strawberry.lazy("schema.types.metrics")]] = resolved(
        _slices, "The same figures for equal parts of the window, oldest first; after three hours, only whole hours are kept."
    )


@strawberry.type
@describes(metrics.Comparison)
class Comparison:
    """The metrics of several providers over the same window."""

    from_: datetime = resolved(_from, name="from", pure=True)
    to: datetime
    providers: list[ProviderMetrics]
