"""What mutations answer: the result, and the problems that kept it from being."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import datetime

import strawberry

from gateway.directory import Connected
from gateway.signing import Leftover as ModelLeftover
from gateway.signing.oauth import Authorization
from gateway.store import Delivery
from gateway.store import StagedFile as ModelStagedFile
from providers import model
from schema.errors import Problem, attempt
from schema.inputs.text_rules import require
from schema.types.describes import describes, resolved
from schema.types.document import Document, SignatureField
from schema.types.leftover import Leftover
from schema.types.participant import Participant
from schema.types.provider import Provider
from schema.types.session import Session
from schema.types.signature import Signature
from schema.types.webhook import WebhookDelivery


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a mutation came to; every payload shows its part of one."""

    problems: list[Problem] = dataclasses.field(default_factory=list)
    session: model.Session | None = None
    document: model.Document | None = None
    participant: model.Participant | None = None
    field: model.Field | None = None
    signature: model.Signature | None = None
    upload: ModelStagedFile | None = None
    provider: Connected | None = None
    authorization: Authorization | None = None
    delivery: Delivery | None = None
    leftover: ModelLeftover | None = None
    deleted_ids: list[strawberry.ID] = dataclasses.field(default_factory=list)


async def outcome(work: Callable[[], Awaitable[Outcome]], given: object = None) -> Outcome:
    """What the work came to, or the problems that kept it from coming to anything.

    It is not begun where the texts of what is ``given``, an input, are not what they may be.
    """

    async def checked() -> Outcome:
        if given is not None:
            require(given)
        return await work()

    result, problems = await attempt(checked())
    return dataclasses.replace(result or Outcome(), problems=problems)


@strawberry.type
@describes(Outcome)
class SessionPayload:
    """A session, or what kept it from being."""

    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class DocumentPayload:
    """A document and its session, or what kept them from being."""

    document: Document | None
    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class ParticipantPayload:
    """A person and their session, or what kept them from being."""

    participant: Participant | None
    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class FieldPayload:
    """A field and its session, or what kept them from being."""

    field: SignatureField | None
    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class SignaturePayload:
    """A signature, or what kept it from being."""

    signature: Signature | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class DeletePayload:
    """What is gone, or what kept it here."""

    deleted_ids: list[strawberry.ID]
    problems: list[Problem]


@strawberry.type
@describes(ModelStagedFile)
class StagedFile:
    """A file that waits to be named by a mutation."""

    id: strawberry.ID
    filename: str | None
    media_type: str
    size_bytes: int
    sha256: str
    expires_at: datetime


@strawberry.type
@describes(Outcome)
class UploadPayload:
    """A staged file, or what kept it from being."""

    upload: StagedFile | None
    problems: list[Problem]


def _url(root: strawberry.Parent[Outcome]) -> str | None:
    return None if root.authorization is None else root.authorization.url


def _state(root: strawberry.Parent[Outcome]) -> str | None:
    return None if root.authorization is None else root.authorization.state


def _expires_at(root: strawberry.Parent[Outcome]) -> datetime | None:
    return None if root.authorization is None else root.authorization.expires_at


@strawberry.type
@describes(Outcome)
class AuthorizationPayload:
    """Where a person has to go, or why nowhere."""

    url: str | None = resolved(_url)
    state: str | None = resolved(_state)
    expires_at: datetime | None = resolved(_expires_at)
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class ProviderPayload:
    """A provider, or what kept it from being used."""

    provider: Provider | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class WebhookDeliveryPayload:
    """A delivery, or why it is not processed again."""

    delivery: WebhookDelivery | None
    problems: list[Problem]


@strawberry.type
@describes(Outcome)
class LeftoverPayload:
    """A leftover as it was before it was resolved, or why it could not be."""

    leftover: Leftover | None
    problems: list[Problem]
