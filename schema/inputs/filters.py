"""Filters of lists and of events."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import strawberry

from gateway.store import EventFilter, WebhookOutcome
from gateway.store import SessionFilter as Wanted
from gateway.store import SignatureFilter as WantedSignatures
from gateway.store import WebhookDeliveryFilter as DeliveryFilter
from providers import model
from providers.errors import TooLarge
from providers.model.change import ChangeType
from schema.relay import session_ref

_MOST_FOLLOWED = 1_000
_CACHED_FILTERS = 100


@lru_cache(_CACHED_FILTERS)
def _cached(*given: tuple[str, Any]) -> Wanted:
    """A filter of the store: a client that polls a list asks with the same one each time, and making it costs 4 µs."""
    return Wanted(**dict(given))


@strawberry.input
class SessionFilter:
    """Which sessions are meant."""

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

    def wanted(self) -> Wanted:
        """The filter in the gateway's words."""
        given = vars(self).items()
        return _cached(*[(name, tuple(value) if type(value) is list else value) for name, value in given if value is not None])


@strawberry.input
class SessionEventFilter:
    """Which events are meant."""

    session_ids: list[strawberry.ID] | None = None
    providers: list[str] | None = None
    types: list[ChangeType] | None = None
    to_statuses: list[model.SessionStatus] | None = None

    def wanted(self) -> EventFilter:
        """The filter in the gateway's words. Raises ``Invalid``."""
        if self.session_ids is not None and len(self.session_ids) > _MOST_FOLLOWED:
            raise TooLarge(f"Follow at most {_MOST_FOLLOWED} sessions by their ids.", path=("filter", "sessionIds"))
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
    """Which signatures are meant."""

    providers: list[str] | None = None
    document: str | None = None
    thread: str | None = None
    tags: list[str] | None = None
    signed_from: datetime | None = None
    signed_to: datetime | None = None

    def wanted(self) -> WantedSignatures:
        """The filter in the gateway's words."""
        return WantedSignatures(**vars(self))


@strawberry.input
class WebhookDeliveryFilter:
    """Which deliveries are meant."""

    providers: list[str] | None = None
    outcomes: list[WebhookOutcome] | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None

    def wanted(self) -> DeliveryFilter:
        """The filter in the gateway's words."""
        return DeliveryFilter(**vars(self))
