"""Webhook deliveries: entries of the inbox, and pages of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import strawberry

from gateway.signing import DeliveryList
from gateway.store import WebhookDelivery as Delivery
from gateway.store import WebhookOutcome, WebhookVerification
from providers import model
from schema.context import Info
from schema.errors import Problem
from schema.pagination import PageInfo
from schema.relay import Node, node_id
from schema.types.binding import describes, resolved
from schema.types.session import Session


def _id(root: strawberry.Parent[Delivery]) -> strawberry.ID:
    return node_id("WebhookDelivery", root.id)


def _problem(root: strawberry.Parent[Delivery]) -> Problem | None:
    return None if root.problem is None else Problem.of(root.problem)


def _duplicate_of(root: strawberry.Parent[Delivery]) -> strawberry.ID | None:
    return None if root.duplicate_of is None else node_id("WebhookDelivery", root.duplicate_of)


async def _session(root: strawberry.Parent[Delivery], info: Info) -> model.Session | None:
    return await info.context.signing.deliveries.delivered_session(root)


@strawberry.type
@describes(Delivery)
class WebhookDelivery(Node):
    """A webhook request that was received for a provider, verified or not."""

    id: strawberry.ID = resolved(_id, pure=True)
    provider: str
    received_at: datetime
    event_name: str | None
    verification: WebhookVerification
    outcome: WebhookOutcome
    attempts: int
    problem: Problem | None = resolved(_problem)
    duplicate_of: strawberry.ID | None = resolved(_duplicate_of, pure=True)
    body_sha256: str
    session: Session | None = resolved(_session)


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A page of deliveries."""

    result: DeliveryList
    cursors: list[str]
    page_info: PageInfo


@dataclass(frozen=True, slots=True)
class DeliveryEdge:
    """A delivery of a page with its cursor."""

    node: Delivery
    cursor: str


def _nodes(root: strawberry.Parent[DeliveryPage]) -> list[Delivery]:
    return list(root.result.rows)


def _edges(root: strawberry.Parent[DeliveryPage]) -> list[DeliveryEdge]:
    return [DeliveryEdge(each, cursor) for each, cursor in zip(root.result.rows, root.cursors, strict=True)]


@strawberry.type
@describes(DeliveryEdge)
class WebhookDeliveryEdge:
    """A delivery of a page with its cursor."""

    node: WebhookDelivery
    cursor: str


@strawberry.type
@describes(DeliveryPage)
class WebhookDeliveryConnection:
    """A page of deliveries, newest first."""

    edges: list[WebhookDeliveryEdge] = resolved(_edges)
    nodes: list[WebhookDelivery] = resolved(_nodes)
    page_info: PageInfo
