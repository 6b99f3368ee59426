"""Payloads of mutations: the result, or the problems that prevented it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

import strawberry

from gateway.directory import ConnectedProvider
from gateway.signing import Authorization
from gateway.signing import Leftover as ModelLeftover
from gateway.store import StagedFile as ModelStagedFile
from gateway.store import WebhookDelivery as Delivery
from providers import model
from providers.errors import SigningError, expected_errors
from schema.context import Info
from schema.errors import Problem
from schema.inputs.text_rules import require_valid_texts
from schema.types.binding import describes, resolved
from schema.types.document import Document, SignatureField
from schema.types.leftover import Leftover
from schema.types.participant import Participant
from schema.types.provider import Provider
from schema.types.session import Session
from schema.types.signature import Signature
from schema.types.webhook import WebhookDelivery

P = ParamSpec("P")
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MutationResult:
    """The result of any mutation: each payload type shows its part of it. It has what was requested, or problems."""

    problems: list[Problem] = dataclasses.field(default_factory=list)
    session: model.Session | None = None
    document: model.Document | None = None
    participant: model.Participant | None = None
    field: model.Field | None = None
    signature: model.Signature | None = None
    upload: ModelStagedFile | None = None
    provider: ConnectedProvider | None = None
    authorization: Authorization | None = None
    delivery: Delivery | None = None
    leftover: ModelLeftover | None = None
    deleted_ids: list[strawberry.ID] = dataclasses.field(default_factory=list)


def expected_failures_as_problems(
    resolver: Callable[P, Awaitable[MutationResult]],
) -> Callable[P, Coroutine[Any, Any, MutationResult]]:
    """Decorates the resolver of a mutation: expected failures become the problems of its payload, unexpected ones pass."""

    @functools.wraps(resolver)
    async def resolve(*args: P.args, **kwargs: P.kwargs) -> MutationResult:
        try:
            return await resolver(*args, **kwargs)
        except (SigningError, ExceptionGroup) as error:
            failures = expected_errors(error)
            if not failures:
                raise
            return MutationResult(problems=[Problem.of(each) for each in failures])

    return resolve


def mutation_of_valid_texts(
    resolver: Callable[[Info, T], Awaitable[MutationResult]],
) -> Callable[[Info, T], Coroutine[Any, Any, MutationResult]]:
    """Decorates the resolver of a mutation with one input: its texts keep their rules before it is called.

    Expected failures, those of the texts included, become problems of the payload.
    """

    @expected_failures_as_problems
    @functools.wraps(resolver)
    async def resolve(info: Info, input: T) -> MutationResult:
        require_valid_texts(input)
        return await resolver(info, input)

    return resolve


@strawberry.type
@describes(MutationResult)
class SessionPayload:
    """The session, or the problems that prevented the mutation."""

    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(MutationResult)
class DocumentPayload:
    """The document and its session, or the problems that prevented the mutation."""

    document: Document | None
    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(MutationResult)
class ParticipantPayload:
    """The participant and their session, or the problems that prevented the mutation."""

    participant: Participant | None
    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(MutationResult)
class FieldPayload:
    """The field and its session, or the problems that prevented the mutation."""

    field: SignatureField | None
    session: Session | None
    problems: list[Problem]


@strawberry.type
@describes(MutationResult)
class SignaturePayload:
    """The signature, or the problems that prevented the mutation."""

    signature: Signature | None
    problems: list[Problem]


@strawberry.type
@describes(MutationResult)
class DeletePayload:
    """The ids of everything that was removed, or the problems that prevented it."""

    deleted_ids: list[strawberry.ID]
    problems: list[Problem]


@strawberry.type
@describes(ModelStagedFile)
class StagedFile:
    """An uploaded file, kept at the gateway until a mutation names it or it expires."""

    id: strawberry.ID
    filename: str | None
    media_type: str
    size_bytes: int
    sha256: str
    expires_at: datetime


@strawberry.type
@describes(MutationResult)
class UploadPayload:
    """The staged file, or the problems that prevented the upload."""

    upload: StagedFile | None
    problems: list[Problem]


def _url(root: strawberry.Parent[MutationResult]) -> str | None:
    return None if root.authorization is None else root.authorization.url


def _state(root: strawberry.Parent[MutationResult]) -> str | None:
    return None if root.authorization is None else root.authorization.state


def _expires_at(root: strawberry.Parent[MutationResult]) -> datetime | None:
    return None if root.authorization is None else root.authorization.expires_at


@strawberry.type
@describes(MutationResult)
class AuthorizationPayload:
    """The address where a person authorizes the gateway, or the problems that prevented it."""

    url: str | None = resolved(_url)
    state: str | None = resolved(_state)
    expires_at: datetime | None = resolved(_expires_at)
    problems: list[Problem]


@strawberry.type
@describes(MutationResult)
class ProviderPayload:
    """The authorized provider, or the problems that prevented it."""

    provider: Provider | None
    problems: list[Problem]


@strawberry.type
@describes(MutationResult)
class WebhookDeliveryPayload:
    """The delivery, or the problems that prevented its replay."""

    delivery: WebhookDelivery | None
    problems: list[Problem]


@strawberry.type
@describes(MutationResult)
class LeftoverPayload:
    """The leftover as it was before, or the problems that prevented its resolution."""

    leftover: Leftover | None
    problems: list[Problem]
