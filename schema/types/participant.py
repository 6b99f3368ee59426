"""Participants of a session: signers, approvers and recipients."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from providers import model
from schema.context import Info
from schema.relay import Node, child_id
from schema.types.binding import describes, resolved
from schema.types.document import session_of

if TYPE_CHECKING:
    from schema.types.session import Session


def _id(root: strawberry.Parent[model.Participant]) -> strawberry.ID:
    return child_id("Participant", root.session, root.key)


def _display_name(root: strawberry.Parent[model.Participant]) -> str | None:
    return root.display_name or " ".join(filter(None, (root.first_name, root.middle_name, root.last_name))) or None


def _signing_url(root: strawberry.Parent[model.Participant], info: Info) -> str | None:
    return info.context.signing.queries.signing_url(root)


@strawberry.type
@describes(model.Participant)
class Participant(Node):
    """A person who takes part in a session."""

    id: strawberry.ID = resolved(_id, pure=True)
    key: str
    session: Annotated[Session, strawberry.lazy("schema.types.session")] = resolved(session_of)
    display_name: str | None = resolved(_display_name, pure=True)
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    language: str | None
    role: model.ParticipantRole
    order: int | None
    status: model.ParticipantStatus
    provider_status: str | None
    signed_at: datetime | None
    decline_reason: str | None
    delivery_methods: list[model.DeliveryMethod]
    signing_url: str | None = resolved(_signing_url, "Where this person signs. Needs the scope sessions:sign; never logged.")
    signing_url_expires_at: datetime | None
