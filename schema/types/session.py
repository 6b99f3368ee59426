"""Sessions with their progress, archive, freshness and events; and the provenance of their fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from gateway.directory import ConnectedProvider
from gateway.signing import EventList
from gateway.store import Event, parse_event_cursor
from providers import model, provenance
from providers.capability import Operation
from providers.errors import Invalid
from schema.context import Info
from schema.pagination import PageInfo, Window, window
from schema.relay import Node, node_id
from schema.scalars import Duration, Json
from schema.types.binding import PURE, describes, resolved
from schema.types.document import Document, SignatureField
from schema.types.participant import Participant
from schema.types.provider import Provider
from schema.types.signature import Signature

if TYPE_CHECKING:
    from schema.types.event import SessionEventConnection


@strawberry.type
@describes(model.Progress)
class Progress:
    """Counts of participants; for a batch, of documents."""

    required: int
    signed: int
    declined: int
    pending: int
    failed: int


@strawberry.type
@describes(model.Archive)
class Archive:
    """Archiving of the result by the provider."""

    requested: bool
    retention_period: Duration | None
    archive_id: str | None


@strawberry.type
class Freshness:
    """Age and source of the state that is shown."""

    as_of: datetime
    age_ms: float
    stale: bool
    source: model.ChangeSource


def _id(root: strawberry.Parent[model.Session]) -> strawberry.ID:
    return node_id("Session", root.provider, root.key)


def _provider(root: strawberry.Parent[model.Session], info: Info) -> ConnectedProvider:
    return info.context.signing.directory.get(root.provider)


def _documents(
    root: strawberry.Parent[model.Session], roles: list[model.DocumentRole] | None = None, first: int | None = 100
) -> list[model.Document]:
    if first is not None and first < 0:
        raise Invalid("Ask for first with 0 or more here.", path=("first",))
    documents = [document for document in root.documents if roles is None or document.role in roles]
    return documents[:first]


def _freshness(root: strawberry.Parent[model.Session], info: Info) -> Freshness:
    now = info.context.clock.now()
    as_of = root.observed_at or now
    age = max(0.0, (now - as_of) / timedelta(milliseconds=1))
    return Freshness(as_of=as_of, age_ms=age, stale=root.stale, source=root.source)


def _actions(root: strawberry.Parent[model.Session], info: Info) -> list[Operation]:
    return info.context.signing.queries.actions(root)


def _native(root: strawberry.Parent[model.Session], info: Info) -> Json:
    return Json(info.context.signing.queries.native(root))


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of the event log."""

    nodes: Sequence[Event]
    page_info: PageInfo

    @classmethod
    def of(cls, events: EventList, part: Window) -> Self:
        """A page of these events. It has an end cursor also where it is empty."""
        info = part.page_info([event.cursor for event in events.events], more=events.more)
        return cls(events.events, replace(info, end_cursor=events.end))


async def _updated_at(root: strawberry.Parent[model.Session], info: Info) -> datetime:
    return await info.context.signing.queries.updated_at(root)


async def _events(
    root: strawberry.Parent[model.Session], info: Info, first: int | None = None, after: str | None = None
) -> EventPage:
    part = window(first, after, None, None, most=info.context.first)
    events = await info.context.signing.events.session_events(root.ref, part.limit, parse_event_cursor(after))
    return EventPage.of(events, part)


def _event_cursor(root: strawberry.Parent[model.Session], info: Info) -> str | None:
    return info.context.log_cursor


@strawberry.type
@describes(model.Session)
class Session(Node):
    """A signing session: the documents, participants and signatures of one order at one provider."""

    id: strawberry.ID = resolved(_id, pure=True)
    provider: Provider = resolved(_provider)
    key: str = strawberry.field(description="The provider's own identifier.")
    kind: model.SessionKind
    title: str | None
    reference: str | None = strawberry.field(description="Your own reference, as given when the session was created.")
    status: model.SessionStatus
    final: bool = strawberry.field(description="No further change is expected.", metadata=PURE)
    provider_status: str | None = strawberry.field(description="The provider's own word for the status.")
    status_reason: str | None
    created_at: datetime | None
    started_at: datetime | None
    due_at: datetime | None
    completed_at: datetime | None
    signing_order: model.SigningOrder
    reminder_frequency: model.ReminderFrequency | None
    progress: Progress = strawberry.field(metadata=PURE)
    documents: list[Document] = resolved(_documents, pure=True)
    participants: list[Participant]
    signatures: list[Signature]
    fields: list[SignatureField]
    archive: Archive | None
    actions: list[Operation] = resolved(
        _actions, "The operations that this viewer can do with the session in its present state at this provider."
    )
    event_cursor: str = resolved(
        _event_cursor,
        "Where the event log stood when this answer was made: follow sessionEvents(after:) from here, and nothing falls in"
        " between. What the answer shows already may come again.",
    )
    updated_at: datetime = resolved(_updated_at, "When anything about it last changed, as the gateway saw it.")
    events: Annotated[SessionEventConnection, strawberry.lazy("schema.types.event")] = resolved(_events)
    freshness: Freshness = resolved(_freshness)
    native: Json | None = resolved(_native, "The provider's last payload, unchanged. Needs the scope native:read.")


def _native_value(root: strawberry.Parent[provenance.FieldProvenance]) -> Json:
    return Json(root.native_value)


def _value(root: strawberry.Parent[provenance.FieldProvenance]) -> Json:
    return Json(root.value)


@strawberry.type
@describes(provenance.FieldProvenance)
class MappingRule:
    """A value of the provider's, a value of ours, and the rule between them."""

    native: str
    native_value: Json | None = resolved(_native_value, pure=True)
    field: str
    value: Json | None = resolved(_value, pure=True)
    rule: str


@strawberry.type
@describes(provenance.MappingReport)
class MappingReport:
    """How a session came of its native payload; unmapped names every native field that no rule used."""

    session: Session
    rules: list[MappingRule]
    unmapped: list[str]
