"""Filter inputs of lists and events, and their translation into the criteria of the store."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import strawberry

from gateway.store import EventFilter, WebhookOutcome
from gateway.store import SessionFilter as SessionCriteria
from gateway.store import SignatureFilter as SignatureCriteria
from gateway.store import WebhookDeliveryFilter as DeliveryFilter
from providers import model
from providers.errors import TooLarge
from providers.model.change import ChangeType
from schema.relay import session_ref

_MAX_CACHED = 100
_MAX_SESSION_IDS = 1_000


@lru_cache(_MAX_CACHED)
def _session_criteria(*fields: tuple[str, Any]) -> SessionCriteria:
    """The criteria of a filter, cached: a client that polls a list sends the same one each time, and making it costs 4 µs."""
    return SessionCriteria(**dict(fields))


@strawberry.input
class SessionFilter:
    """Selects sessions: each field that is given narrows the list."""

    providers: list[str] | None = None
    kinds: list[model.SessionKind] | None = None
    statuses: list[model.SessionStatus] | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    due_from: datetime | None = None
    due_to: datetime | None = None
    title_contains: str | None = strawberry.field(default=None, description="Case-insensitive part of the title.")
    reference: str | None = None
    participant_email: str | None = None
    updated_from: datetime | None = strawberry.field(
        default=None, description="Bounds of time are inclusive on both sides, here and above."
    )
    updated_to: datetime | None = None
    exclude_statuses: list[model.SessionStatus] | None = strawberry.field(
        default=None, description="Deleted sessions are left out unless statuses names DELETED."
    )

    def criteria(self) -> SessionCriteria:
        """The criteria of the store."""
        fields = vars(self).items()
        return _session_criteria(
            *[(name, tuple(value) if type(value) is list else value) for name, value in fields if value is not None]
        )


@strawberry.input
class SessionEventFilter:
    """Selects events: each field that is given narrows them."""

    session_ids: list[strawberry.ID] | None = None
    providers: list[str] | None = None
    types: list[ChangeType] | None = None
    to_statuses: list[model.SessionStatus] | None = None

    def criteria(self) -> EventFilter:
        """The criteria of the event log. Raises ``Invalid``."""
        if self.session_ids is not None and len(self.session_ids) > _MAX_SESSION_IDS:
            raise TooLarge(f"Follow at most {_MAX_SESSION_IDS} sessions by their ids.", path=("filter", "sessionIds"))
        refs = None
        if self.session_ids is not None:
            refs = frozenset(
                session_ref(each, ("filter", "sessionIds", str(place))) for place, each in enumerate(self.session_ids)
            )
        return EventFilter(
            sessions=refs,
            providers=None if self.providers is None else frozenset(self.providers),
            types=None if self.types is None else frozenset(self.types),
            to_statuses=None if self.to_statuses is None else frozenset(self.to_statuses),
        )


@strawberry.input
class SignatureFilter:
    """Selects signatures: each field that is given narrows the list."""

    providers: list[str] | None = None
    document: str | None = None
    thread: str | None = None
    tags: list[str] | None = None
    signed_from: datetime | None = None
    signed_to: datetime | None = None

    def criteria(self) -> SignatureCriteria:
        """The criteria of the store."""
        return SignatureCriteria(**vars(self))


@strawberry.input
class WebhookDeliveryFilter:
    """Selects webhook deliveries: each field that is given narrows the list."""

    providers: list[str] | None = None
    outcomes: list[WebhookOutcome] | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None

    def criteria(self) -> DeliveryFilter:
        """The criteria of the store."""
        return DeliveryFilter(**vars(self))
