"""Leftovers: what a saga could not remove at a provider, listed for an operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import strawberry

from gateway.directory import ConnectedProvider
from gateway.signing import Leftover as ModelLeftover
from gateway.signing import LeftoverList
from providers.capability import Operation
from schema.context import Info
from schema.pagination import PageInfo
from schema.relay import Node, node_id
from schema.types.binding import describes, resolved
from schema.types.provider import Provider


def _id(root: strawberry.Parent[ModelLeftover]) -> strawberry.ID:
    return node_id("Leftover", root.id)


def _provider(root: strawberry.Parent[ModelLeftover], info: Info) -> ConnectedProvider:
    return info.context.signing.directory.get(root.provider)


def _what(root: strawberry.Parent[ModelLeftover]) -> list[str]:
    return list(root.what)


@strawberry.type
@describes(ModelLeftover)
class Leftover(Node):
    """Remains of a write at a provider: they could not be removed, or may be there unseen."""

    id: strawberry.ID = resolved(_id, pure=True)
    provider: Provider = resolved(_provider)
    at: datetime = strawberry.field(description="When the gateway gave it up.")
    operation: Operation = strawberry.field(description="The operation that left it.")
    what: list[str] = resolved(
        _what, "Each thing that is left: what it is, and the provider's key of it where that is known.", pure=True
    )
    reason: str = strawberry.field(description="Why it could not be removed.")


@dataclass(frozen=True, slots=True)
class LeftoverPage:
    """A page of leftovers."""

    result: LeftoverList
    cursors: list[str]
    page_info: PageInfo


@dataclass(frozen=True, slots=True)
class Edge:
    """A leftover of a page with its cursor."""

    node: ModelLeftover
    cursor: str


def _nodes(root: strawberry.Parent[LeftoverPage]) -> list[ModelLeftover]:
    return list(root.result.rows)


def _edges(root: strawberry.Parent[LeftoverPage]) -> list[Edge]:
    return [Edge(each, cursor) for each, cursor in zip(root.result.rows, root.cursors, strict=True)]


@strawberry.type
@describes(Edge)
class LeftoverEdge:
    """A leftover of a page with its cursor."""

    node: Leftover
    cursor: str


@strawberry.type
@describes(LeftoverPage)
class LeftoverConnection:
    """A page of leftovers, the latest first."""

    edges: list[LeftoverEdge] = resolved(_edges)
    nodes: list[Leftover] = resolved(_nodes)
    page_info: PageInfo
