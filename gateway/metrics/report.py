"""Comparison report of the command line: stored figures of all providers, and probes of them, as tables or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

import isodate
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gateway.config import Settings
from gateway.directory import Directory
from gateway.metrics import Comparison, DurationFigures, Latency, MetricReader, OperationFigures, ProviderFigures
from gateway.metrics.probe import Probe, probe
from gateway.signing.oauth import restore_tokens
from gateway.store import Store
from gateway.store.tokens import token_cipher
from providers.clock import Clock
from providers.errors import Invalid

_NO_VALUE: Final = "·"


@dataclass(frozen=True, slots=True)
class Report:
    """Content of a report; ``probes`` are empty unless they were asked for."""

    comparison: Comparison
    probes: Sequence[Probe]


def window_of(text: str) -> timedelta:
    """Parses an ISO 8601 duration such as PT10M or P7D. Raises ``Invalid``."""
    try:
        duration = isodate.parse_duration(text)
    except (isodate.ISO8601Error, ArithmeticError, ValueError):
        duration = None
    if not isinstance(duration, timedelta):
        raise Invalid("A window is written like PT10M, PT6H or P7D.", path=("window",))
    return duration


async def compare(settings: Settings, names: Sequence[str] | None, window: timedelta, reads: int, console: Console) -> Report:
    """Reads the store of a configuration, and its providers where ``reads`` is not 0, with the progress on ``console``.

    Raises ``NotFound`` and ``Invalid``, and ``ConfigurationError`` where the database cannot be opened.
    """
    clock = Clock()
    async with AsyncExitStack() as stack:
        store = await Store.open(settings.database.url, token_cipher(settings.server.secret))
        stack.push_async_callback(store.close)
        directory = Directory.open(settings.providers, clock)
        stack.push_async_callback(directory.close)
        chosen = directory.select(names)
        comparison = await MetricReader(store, settings.metrics, clock).compare(chosen, window)
        if not reads:
            return Report(comparison, ())
        await restore_tokens(directory, store, clock)
        columns = (TextColumn("Reading at {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            bar = progress.add_task("each provider in turn", total=reads * len(chosen))
            probes = await probe(chosen, store, reads, clock, lambda name: progress.update(bar, advance=1, description=name))
        return Report(comparison, probes)


def table(comparison: Comparison) -> Table:
    """Figures as a table, one column a provider."""
    providers = comparison.providers
    shown = Table(title=f"Providers, {comparison.from_:%Y-%m-%d %H:%M} to {comparison.to:%Y-%m-%d %H:%M} UTC")
    shown.add_column("")
    for each in providers:
        shown.add_column(each.provider.name, justify="right")
    for name, cells in _rows(providers):
        shown.add_row(name, *cells)
    return shown


def probe_table(probes: Sequence[Probe]) -> Table:
    """Probes as a table, one row a provider."""
    shown = Table(title="Read just now")
    for name in ("provider", "what was read", "reads", "failures", "p50", "p90", "p99", "longest", "the last failure"):
        shown.add_column(name)
    for each in probes:
        quantiles = (each.latency.p50_ms, each.latency.p90_ms, each.latency.p99_ms, each.latency.max_ms)
        counts = (str(each.reads), str(each.failures))
        shown.add_row(each.provider, each.what, *counts, *map(_ms, quantiles), each.problem or _NO_VALUE)
    return shown


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON, with the field names of the GraphQL schema."""
    comparison = report.comparison
    report_json: dict[str, Any] = {
        "from": comparison.from_.isoformat(),
        "to": comparison.to.isoformat(),
        "providers": [_figures(each) for each in comparison.providers],
    }
    if report.probes:
        report_json["probes"] = [asdict(each) | {"latency": _latency(each.latency)} for each in report.probes]
    return report_json


def _rows(providers: Sequence[ProviderFigures]) -> list[tuple[str, list[str]]]:
    return [
        ("requests", [str(each.requests) for each in providers]),
        ("failures", [str(each.failures) for each in providers]),
        ("failure rate", [_share(each.failure_rate) for each in providers]),
        ("availability", [_share(each.availability) for each in providers]),
        ("latency p50", [_ms(each.latency.p50_ms) for each in providers]),
        ("latency p90", [_ms(each.latency.p90_ms) for each in providers]),
        ("latency p99", [_ms(each.latency.p99_ms) for each in providers]),
        ("latency longest", [_ms(each.latency.max_ms) for each in providers]),
        ("sessions created", [str(each.sessions.created) for each in providers]),
        ("sessions completed", [str(each.sessions.completed) for each in providers]),
        ("sessions declined", [str(each.sessions.declined) for each in providers]),
        ("sessions canceled", [str(each.sessions.canceled) for each in providers]),
        ("sessions expired", [str(each.sessions.expired) for each in providers]),
        ("sessions failed", [str(each.sessions.failed) for each in providers]),
        ("sessions open", [str(each.sessions.open) for each in providers]),
        ("completion rate", [_share(each.sessions.completion_rate) for each in providers]),
        ("time to complete p50", [_span(each.sessions.time_to_complete.p50) for each in providers]),
        ("status lag p50", [_ms(each.status_lag.p50_ms) for each in providers]),
        ("status lag p90", [_ms(each.status_lag.p90_ms) for each in providers]),
        ("unknown statuses", [str(each.unknown_statuses) for each in providers]),
    ]


def _figures(each: ProviderFigures) -> dict[str, Any]:
    sessions, took = each.sessions, each.sessions.time_to_complete
    names = ("created", "completed", "declined", "canceled", "expired", "failed", "open")
    spans = {name: None if span is None else isodate.duration_isoformat(span) for name, span in _quantiles(took)}
    return {
        "provider": each.provider.name,
        "requests": each.requests,
        "failures": each.failures,
        "failureRate": each.failure_rate,
        "availability": each.availability,
        "latency": _latency(each.latency),
        "operations": [_operation(one) for one in each.operations],
        "sessions": {name: getattr(sessions, name) for name in names}
        | {"completionRate": sessions.completion_rate, "timeToComplete": {"samples": took.samples, **spans}},
        "statusLag": _latency(each.status_lag),
        "unknownStatuses": each.unknown_statuses,
    }


def _quantiles(took: DurationFigures) -> tuple[tuple[str, timedelta | None], ...]:
    return (("p50", took.p50), ("p90", took.p90))


def _operation(one: OperationFigures) -> dict[str, Any]:
    latency = _latency(one.latency)
    return {"operation": one.operation.value, "requests": one.requests, "failures": one.failures, "latency": latency}


def _latency(latency: Latency) -> dict[str, Any]:
    values = (latency.samples, latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.max_ms)
    return dict(zip(("samples", "p50Ms", "p90Ms", "p99Ms", "maxMs"), values, strict=True))


def _ms(value: float | None) -> str:
    return _NO_VALUE if value is None else f"{value:,.1f} ms"


def _share(value: float | None) -> str:
    return _NO_VALUE if value is None else f"{value:.2%}"


def _span(value: timedelta | None) -> str:
    return _NO_VALUE if value is None else str(timedelta(seconds=round(value.total_seconds())))
