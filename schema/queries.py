"""Queries: root fields that read, and the types that only they return."""

from __future__ import annotations

import strawberry

from gateway.auth.viewer import Viewer as ModelViewer
from gateway.directory import ConnectedProvider
from gateway.metrics import Comparison as ModelComparison
from gateway.signing import Eligibility as ModelEligibility
from gateway.store import ALL_EVENTS, PageRequest, Position, SessionOrder, SignaturePosition, parse_event_cursor
from gateway.store import SessionFilter as SessionCriteria
from gateway.store import SignatureFilter as SignatureCriteria
from gateway.store import WebhookDeliveryFilter as DeliveryFilter
from providers import model, provenance
from providers.errors import NotFound
from schema.context import Info
from schema.errors import Problem
from schema.inputs.creation import CreateSessionInput
from schema.inputs.filters import SessionEventFilter, SessionFilter, SignatureFilter, WebhookDeliveryFilter
from schema.inputs.text_rules import text_problems
from schema.pagination import cursor, fingerprint, position, window
from schema.relay import Node, child_ref, find_node, find_nodes, node_id, session_ref
from schema.scalars import Duration
from schema.types.binding import describes, resolved
from schema.types.connection import SessionConnection, SessionPage, SignatureConnection, SignaturePage
from schema.types.document import Document
from schema.types.event import SessionEventConnection
from schema.types.leftover import LeftoverConnection, LeftoverPage
from schema.types.metrics import ONE_DAY, Comparison
from schema.types.provider import Provider
from schema.types.session import EventPage, MappingReport, Session
from schema.types.webhook import DeliveryPage, WebhookDeliveryConnection


def _viewer_id(root: strawberry.Parent[ModelViewer]) -> strawberry.ID:
    return node_id("Viewer", root.id)


def _viewer_scopes(root: strawberry.Parent[ModelViewer]) -> list[str]:
    return sorted(root.scopes)


def _viewer_providers(root: strawberry.Parent[ModelViewer], info: Info) -> list[str]:
    return [provider.name for provider in info.context.signing.directory]


@strawberry.type
@describes(ModelViewer)
class Viewer:
    """The authenticated client: its subject, scopes and providers."""

    id: strawberry.ID = resolved(_viewer_id, pure=True)
    subject: str | None
    scopes: list[str] = resolved(_viewer_scopes, pure=True)
    providers: list[str] = resolved(_viewer_providers)


def _eligible(root: strawberry.Parent[ModelEligibility]) -> bool:
    return not root.problems


def _problems(root: strawberry.Parent[ModelEligibility]) -> list[Problem]:
    return [Problem.of(problem) for problem in root.problems]


@strawberry.type
@describes(ModelEligibility)
class Eligibility:
    """Whether a provider could carry out an order, and the problems that prevent it."""

    provider: Provider
    eligible: bool = resolved(_eligible, pure=True)
    problems: list[Problem] = resolved(_problems)


async def _resolve_node(info: Info, id: strawberry.ID) -> object:
    return await find_node(info, id)


def _resolve_viewer(info: Info) -> ModelViewer:
    return info.context.viewer


def _resolve_providers(info: Info, names: list[str] | None = None) -> list[ConnectedProvider]:
    directory = info.context.signing.directory
    return list(directory) if names is None else [directory.get(name, ("names",)) for name in names]


def _resolve_provider(info: Info, name: str) -> ConnectedProvider:
    return info.context.signing.directory.get(name, ("name",))


async def _resolve_session(
    info: Info,
    id: strawberry.ID,
    max_age: Duration | None = None,
) -> model.Session:
    return await info.context.signing.queries.session(session_ref(id), max_age)


async def _resolve_session_by_key(info: Info, provider: str, key: str, max_age: Duration | None = None) -> model.Session:
    return await info.context.signing.queries.session_by_key(provider, key, max_age)


async def _resolve_sessions(
    info: Info,
    filter: SessionFilter | None = None,
    order_by: SessionOrder | None = SessionOrder.CREATED_AT_DESC,
    max_age: Duration | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> SessionPage:
    criteria = filter.criteria() if filter else SessionCriteria()
    order = order_by or SessionOrder.CREATED_AT_DESC
    part = window(first, after, last, before, most=info.context.first)

    def decode(text: str | None, name: str) -> Position | None:
        if text is None:
            return None
        at, (provider, key) = position(text, fingerprint("session", criteria, order), name, 2)
        return Position(at, provider, key)

    page = PageRequest(
        limit=part.limit, after=decode(after, "after"), before=decode(before, "before"), backwards=part.backwards
    )
    exact = {} if info.context.log_cursor is None else {"at_head": True}
    result = await info.context.signing.queries.sessions(criteria, order, page, max_age, **exact)
    return SessionPage(criteria, order, part, result)


async def _resolve_document(info: Info, id: strawberry.ID) -> model.Document:
    ref, key = child_ref(id, "Document")
    document = (await info.context.signing.queries.session(ref)).document(key)
    if document is None:
        raise NotFound("There is no such document (any more).", path=("id",))
    return document


async def _resolve_signatures(
    info: Info,
    filter: SignatureFilter | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> SignaturePage:
    criteria = filter.criteria() if filter else SignatureCriteria()
    part = window(first, after, last, before, most=info.context.first)
    query = fingerprint("signatures", criteria)

    def decode(text: str | None, name: str) -> SignaturePosition | None:
        if text is None:
            return None
        at, (provider, session, key) = position(text, query, name, 3)
        return SignaturePosition(at, provider, session, key)

    result = await info.context.signing.signatures.signatures(
        criteria, part.limit, after=decode(after, "after"), before=decode(before, "before"), backwards=part.backwards
    )
    cursors = [cursor(query, at.at, at.provider, at.session_key, at.key) for _, at in result.rows]
    return SignaturePage(criteria, result, cursors, part.page_info(cursors, more=result.more))


async def _resolve_webhook_deliveries(
    info: Info, filter: WebhookDeliveryFilter | None = None, first: int | None = None, after: str | None = None
) -> DeliveryPage:
    criteria = filter.criteria() if filter else DeliveryFilter()
    part = window(first, after, None, None, most=info.context.first)
    query = fingerprint("deliveries", criteria)
    place = None
    if after is not None:
        at, (key,) = position(after, query, "after", 1)
        place = (at, key)
    result = await info.context.signing.deliveries.deliveries(criteria, part.limit, place)
    cursors = [cursor(query, each.received_at, each.id) for each in result.rows]
    return DeliveryPage(result, cursors, part.page_info(cursors, more=result.more))


async def _resolve_session_events(
    info: Info, filter: SessionEventFilter | None = None, first: int | None = None, after: str | None = None
) -> EventPage:
    part = window(first, after, None, None, most=info.context.first)
    criteria = filter.criteria() if filter else ALL_EVENTS
    return EventPage.of(await info.context.signing.events.event_log(criteria, part.limit, parse_event_cursor(after)), part)


async def _resolve_leftovers(info: Info, first: int | None = None, after: str | None = None) -> LeftoverPage:
    part = window(first, after, None, None, most=info.context.first)
    query = fingerprint("leftovers")
    place = None
    if after is not None:
        at, (key,) = position(after, query, "after", 1)
        place = (at, key)
    result = await info.context.signing.leftovers.leftovers(part.limit, place)
    cursors = [cursor(query, each.at, each.id) for each in result.rows]
    return LeftoverPage(result, cursors, part.page_info(cursors, more=result.more))


async def _resolve_eligible_providers(
    info: Info,
    input: CreateSessionInput,
) -> list[ModelEligibility]:
    signing = info.context.signing
    return await signing.eligibility.eligible(await input.draft(signing), text_problems(input))


async def _resolve_comparison(
    info: Info, providers: list[str] | None = None, window: Duration | None = ONE_DAY
) -> ModelComparison:
    return await info.context.signing.comparison.comparison(providers, ONE_DAY if window is None else window)


async def _resolve_explain_session(info: Info, id: strawberry.ID) -> provenance.MappingReport:
    return await info.context.signing.queries.explain(session_ref(id))


@strawberry.type
class Query:
    """Reads of sessions, documents, signatures, events and providers."""

    node: Node | None = resolved(_resolve_node)
    nodes: list[Node | None] = resolved(find_nodes)
    viewer: Viewer = resolved(_resolve_viewer)
    providers: list[Provider] = resolved(_resolve_providers)
    provider: Provider | None = resolved(_resolve_provider)
    session: Session | None = resolved(
        _resolve_session, "Reads through to the provider when what is known is older than maxAge."
    )
    session_by_key: Session | None = resolved(
        _resolve_session_by_key,
        "Finds a session by the provider's own identifier. From then on the gateway follows it like one of its own.",
    )
    sessions: SessionConnection = resolved(
        _resolve_sessions,
        "One list over all providers, newest first."
        " A provider that does not answer is named in sources; the rest still answers.",
    )
    document: Document | None = resolved(_resolve_document)
    signatures: SignatureConnection = resolved(_resolve_signatures)
    eligible_providers: list[Eligibility] = resolved(
        _resolve_eligible_providers,
        "Which providers could carry out this order, and why the others could not. Calls no provider.",
    )
    comparison: Comparison = resolved(
        _resolve_comparison, "The same figures for every provider over the same window. Needs the scope providers:compare."
    )
    explain_session: MappingReport = resolved(
        _resolve_explain_session, "How a session's native payload became ours, field by field. Needs the scope native:read."
    )
    session_events: SessionEventConnection = resolved(
        _resolve_session_events,
        "The event log, oldest first, for whoever asks now and then instead of subscribing. Without after, it begins with the"
        " oldest event that is kept. endCursor is always there, also of an empty page; a page of few events, or of none, may"
        " have a next one.",
    )
    leftovers: LeftoverConnection = resolved(
        _resolve_leftovers, "Writes that ended with something left at a provider. Needs the scope providers:admin."
    )
    webhook_deliveries: WebhookDeliveryConnection = resolved(
        _resolve_webhook_deliveries, "Webhook deliveries of providers, newest first. Needs the scope webhooks:admin."
    )
