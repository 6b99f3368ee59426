"""Subscriptions: source event streams of sessions, of the event log, and of provider health.

A resolver checks its arguments before it returns the stream: what it raises is a request error, sent before any event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import strawberry

from gateway.directory import ConnectedProvider
from gateway.store import ALL_EVENTS, Event, parse_event_cursor
from providers import model
from schema.context import Info
from schema.inputs.filters import SessionEventFilter
from schema.relay import session_ref
from schema.types.binding import followed
from schema.types.event import SessionEvent
from schema.types.provider import Provider
from schema.types.session import Session


async def _session(info: Info, id: strawberry.ID) -> AsyncIterator[model.Session]:
    return await info.context.signing.events.follow(session_ref(id))


async def _session_events(
    info: Info, filter: SessionEventFilter | None = None, after: str | None = None
) -> AsyncIterator[Event]:
    cursor = info.context.resume_after or after
    signing = info.context.signing
    info.context.begins_after = cursor or signing.events.head_cursor
    return await signing.events.subscribe(filter.criteria() if filter else ALL_EVENTS, parse_event_cursor(cursor))


async def _provider_health(info: Info, names: list[str] | None = None) -> AsyncIterator[ConnectedProvider]:
    return info.context.signing.events.provider_health(names)


@strawberry.type
class Subscription:
    """Changes as they happen."""

    session: AsyncIterator[Session] = followed(
        _session, "The session as it is now, then every time it changes, until it is final."
    )
    session_events: AsyncIterator[SessionEvent] = followed(
        _session_events, "Every change, in order, none lost. Start after a cursor to resume where a lost connection ended."
    )
    provider_health: AsyncIterator[Provider] = followed(
        _provider_health, "Health and credentials of providers, now and at every change."
    )
