"""Everything that can be followed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import strawberry

from gateway.store import ALL, Event
from providers import model
from schema.context import Info
from schema.cursor import event_number
from schema.describes import followed
from schema.inputs import SessionEventFilter
from schema.node import session_ref
from schema.types.event import SessionEvent
from schema.types.session import Session


def _session(info: Info, id: strawberry.ID) -> AsyncGenerator[model.Session, None]:
    return info.context.signing.follow(session_ref(id))


def _session_events(
    info: Info, filter: SessionEventFilter | None = None, after: str | None = None
) -> AsyncGenerator[Event, None]:
    cursor = event_number(info.context.resume_after or after)
    return info.context.signing.events(filter.wanted() if filter else ALL, cursor)


@strawberry.type
class Subscription:
    """Everything that can be followed."""

    session: AsyncIterator[Session] = followed(
        _session, "The session as it is now, then every time it changes, until it is final."
    )
    session_events: AsyncIterator[SessionEvent] = followed(
        _session_events, "Every change, in order, none lost. Start after a cursor to resume where a lost connection ended."
    )
