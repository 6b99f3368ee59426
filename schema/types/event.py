"""Session events: entries of the event log, and pages of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import strawberry

from gateway.store import Event
from providers import model
from providers.model.change import ChangeType
from schema.context import Info
from schema.pagination import PageInfo
from schema.relay import Node, node_id
from schema.types.binding import describes, resolved
from schema.types.document import Document
from schema.types.participant import Participant
from schema.types.session import EventPage, Session
from schema.types.signature import Signature


def _id(root: strawberry.Parent[Event]) -> strawberry.ID:
    return node_id("SessionEvent", str(root.seq))


def _type(root: strawberry.Parent[Event]) -> ChangeType | None:
    return root.change.type


async def _session(root: strawberry.Parent[Event], info: Info) -> model.Session:
    return await info.context.signing.queries.last_known(root.session)


def _from(root: strawberry.Parent[Event]) -> model.SessionStatus | None:
    return root.change.from_status


def _to(root: strawberry.Parent[Event]) -> model.SessionStatus | None:
    return root.change.to_status


async def _participant(root: strawberry.Parent[Event], info: Info) -> model.Participant | None:
    key = root.change.participant
    return None if key is None else (await info.context.signing.queries.last_known(root.session)).participant(key)


async def _document(root: strawberry.Parent[Event], info: Info) -> model.Document | None:
    key = root.change.document
    return None if key is None else (await info.context.signing.queries.last_known(root.session)).document(key)


async def _signature(root: strawberry.Parent[Event], info: Info) -> model.Signature | None:
    key = root.change.signature
    return None if key is None else (await info.context.signing.queries.last_known(root.session)).signature(key)


def _provider_status(root: strawberry.Parent[Event]) -> str | None:
    return root.change.provider_status


def _occurred_at(root: strawberry.Parent[Event]) -> datetime | None:
    return root.change.occurred_at


@strawberry.type
@describes(Event)
class SessionEvent(Node):
    """A change of a session. The session and its parts are shown as they are now, not as they were."""

    id: strawberry.ID = resolved(_id, pure=True)
    cursor: str = strawberry.field(description="Give it as after to continue behind this event.")
    type: ChangeType = resolved(_type, pure=True)
    session: Session = resolved(_session)
    from_: model.SessionStatus | None = resolved(_from, name="from", pure=True)
    to: model.SessionStatus | None = resolved(_to, pure=True)
    participant: Participant | None = resolved(_participant)
    document: Document | None = resolved(_document)
    signature: Signature | None = resolved(_signature)
    provider_status: str | None = resolved(_provider_status, pure=True)
    source: model.ChangeSource
    occurred_at: datetime | None = resolved(_occurred_at, "When it happened, as far as the provider says.", pure=True)
    observed_at: datetime = strawberry.field(description="When the gateway saw it.")


@dataclass(frozen=True, slots=True)
class EventEdge:
    """An event of a page with its cursor."""

    node: Event
    cursor: str


def _edges(root: strawberry.Parent[EventPage]) -> list[EventEdge]:
    return [EventEdge(event, event.cursor) for event in root.nodes]


@strawberry.type
@describes(EventEdge)
class SessionEventEdge:
    """An event of a page with its cursor."""

    node: SessionEvent
    cursor: str


@strawberry.type
@describes(EventPage)
class SessionEventConnection:
    """A page of events, oldest first."""

    edges: list[SessionEventEdge] = resolved(_edges)
    nodes: list[SessionEvent]
    page_info: PageInfo
