"""Configured providers: capabilities, limits, credentials, health, sync and session counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import strawberry

from gateway.directory import ConnectedProvider
from gateway.metrics import ProviderFigures
from gateway.signing import SyncState, SyncStrategy
from providers.capability import Capability as ModelCapability
from providers.capability import Operation, Support
from providers.http.circuit_breaker import CircuitState
from providers.http.credentials import CredentialState
from providers.http.health import Health as ModelHealth
from providers.http.health import HealthState
from providers.model import SessionKind, SessionStatus
from schema.context import Info
from schema.errors import Problem
from schema.relay import Node, node_id
from schema.scalars import Duration, Json
from schema.types.binding import describes, resolved
from schema.types.metrics import ONE_DAY, ProviderMetrics


@strawberry.type
class Capability:
    """Support of one operation."""

    operation: Operation
    support: Support
    note: str | None


@strawberry.type
class Limit:
    """A limit of what an order may hold."""

    name: str
    value: float
    unit: str


@strawberry.type
class Credentials:
    """State of the gateway's credentials at a provider."""

    state: CredentialState
    expires_at: datetime | None
    note: str | None


def _problem(root: strawberry.Parent[ModelHealth]) -> Problem | None:
    return None if root.last_error is None else Problem.of(root.last_error)


@strawberry.type
class Health:
    """Health of a provider, by the results of the last calls."""

    state: HealthState
    circuit: CircuitState
    last_success_at: datetime | None
    last_failure_at: datetime | None
    problem: Problem | None = resolved(_problem)


@strawberry.type
class StatusCount:
    """Number of sessions in a status."""

    status: SessionStatus
    count: int


@strawberry.type
class SessionCounts:
    """Numbers of a provider's sessions."""

    by_status: list[StatusCount] = strawberry.field(
        description="The gateway's count, which is that of the list: deleted sessions are left out."
    )
    provider_statistic: list[StatusCount] | None = strawberry.field(
        description="The provider's own count by status, which may know fewer statuses. Null where it keeps none or does not"
        " answer."
    )
    to_sign: int | None = strawberry.field(description="Of the provider's own statistic.")
    needs_action: int | None = strawberry.field(description="Of the provider's own statistic.")
    as_of: datetime = strawberry.field(description="When the provider's list was last read for the gateway's count.")
    native: bool = strawberry.field(description="Whether the provider keeps a statistic of its own.")


def _lag_ms(root: strawberry.Parent[SyncState]) -> float | None:
    return None if root.lag is None else max(0.0, root.lag.total_seconds() * 1000)


@strawberry.type
class Sync:
    """Synchronization: the way in which the gateway learns of a provider's changes, and its lag."""

    strategy: SyncStrategy
    last_sync_at: datetime | None
    lag_ms: float | None = resolved(_lag_ms)
    open_sessions: int


def _id(root: strawberry.Parent[ConnectedProvider]) -> strawberry.ID:
    return node_id("Provider", root.name)


def _kind(root: strawberry.Parent[ConnectedProvider]) -> str:
    return root.record.kind


def _display_name(root: strawberry.Parent[ConnectedProvider]) -> str:
    return root.settings.display_name or root.record.display_name


def _environment(root: strawberry.Parent[ConnectedProvider]) -> str:
    return root.settings.environment


def _session_kind(root: strawberry.Parent[ConnectedProvider]) -> SessionKind:
    return root.capabilities.session_kind


def _capabilities(root: strawberry.Parent[ConnectedProvider]) -> list[ModelCapability]:
    return list(root.capabilities.operations.values())


def _options_schema(root: strawberry.Parent[ConnectedProvider]) -> Json:
    schema = root.record.options.model_json_schema()
    return Json({**schema, "participantOptions": root.record.participant_options.model_json_schema()})


def _limits(root: strawberry.Parent[ConnectedProvider]) -> list[Limit]:
    return [Limit(name=name, value=value, unit=unit) for name, value, unit in root.capabilities.limits.items()]


def _credentials(root: strawberry.Parent[ConnectedProvider]) -> Credentials:
    now = root.adapter.credentials
    return Credentials(state=now.state, expires_at=now.expires_at, note=now.note)


def _health(root: strawberry.Parent[ConnectedProvider]) -> ModelHealth:
    return root.adapter.health


async def _sync(root: strawberry.Parent[ConnectedProvider], info: Info) -> SyncState:
    return await info.context.signing.queries.sync(root.name)


async def _metrics(
    root: strawberry.Parent[ConnectedProvider], info: Info, window: Duration | None = ONE_DAY
) -> ProviderFigures:
    return await info.context.signing.comparison.metrics(root.name, ONE_DAY if window is None else window)


async def _session_counts(root: strawberry.Parent[ConnectedProvider], info: Info) -> SessionCounts:
    counts = await info.context.signing.queries.statistics(root.name)
    own = counts.own
    return SessionCounts(
        by_status=_status_counts(counts.by_status),
        provider_statistic=None if own is None else _status_counts(own.by_status),
        to_sign=None if own is None else own.to_sign,
        needs_action=None if own is None else own.needs_action,
        as_of=counts.as_of,
        native=root.can(Operation.STATISTICS),
    )


def _status_counts(counts: Mapping[SessionStatus, int]) -> list[StatusCount]:
    return [StatusCount(status=status, count=count) for status, count in sorted(counts.items())]


@strawberry.type
@describes(ConnectedProvider)
class Provider(Node):
    """A configured provider."""

    id: strawberry.ID = resolved(_id)
    name: str = strawberry.field(description="The name given in the configuration; several providers may be of one kind.")
    kind: str = resolved(_kind)
    display_name: str = resolved(_display_name)
    environment: str = resolved(_environment)
    session_kind: SessionKind = resolved(_session_kind)
    capabilities: list[Capability] = resolved(_capabilities)
    options_schema: Json = resolved(_options_schema, "JSON Schema of what createSession takes under options for this provider.")
    limits: list[Limit] = resolved(_limits)
    credentials: Credentials = resolved(_credentials)
    health: Health = resolved(_health)
    sync: Sync = resolved(_sync)
    metrics: ProviderMetrics = resolved(_metrics)
    session_counts: SessionCounts = resolved(
        _session_counts, "The gateway's counts, which agree with its lists, and the provider's own statistic beside them."
    )
