"""Connections of sessions and signatures: Relay pages over all providers, with the freshness of each provider's part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import strawberry

from gateway.signing import SessionList, SignatureList
from gateway.store import SessionFilter, SessionOrder, SessionRow, SignatureFilter
from gateway.sync.list_freshness import SourceOutcome
from gateway.sync.list_freshness import SourceReport as ModelReport
from providers import model
from schema.context import Info
from schema.errors import Problem
from schema.pagination import PageInfo, Window, cursor, fingerprint
from schema.types.binding import describes, resolved
from schema.types.session import Session
from schema.types.signature import Signature


def _problem(root: strawberry.Parent[ModelReport]) -> Problem | None:
    return None if root.problem is None else Problem.of(root.problem)


@strawberry.type
@describes(model.UnreadableRow)
class UnreadableRow:
    """A row of a provider's list, or a part of a session, that could not be read."""

    key: str | None
    reason: str


@strawberry.type
@describes(ModelReport)
class SourceReport:
    """Freshness of one provider's part of a list."""

    provider: str
    outcome: SourceOutcome
    as_of: datetime | None
    problem: Problem | None = resolved(_problem)
    unreadable: list[UnreadableRow] = strawberry.field(
        description="Rows of this provider's list that could not be read; the others are there. At most the first 20."
    )


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A page of sessions, before its cursors are made."""

    criteria: SessionFilter
    order: SessionOrder
    window: Window
    result: SessionList

    @property
    def cursors(self) -> list[str]:
        """The cursor of each session."""
        return self._cursors(self.result.page.rows)

    @property
    def page_info(self) -> PageInfo:
        """The position of the page in its list."""
        rows = self.result.page.rows
        return self.window.page_info(self._cursors([*rows[:1], *rows[-1:]]), more=self.result.page.more)

    def _cursors(self, rows: Sequence[SessionRow]) -> list[str]:
        query = fingerprint("session", self.criteria, self.order)
        return [cursor(query, row.position.at, row.position.provider, row.position.key) for row in rows]


@dataclass(frozen=True, slots=True)
class SignaturePage:
    """A page of signatures."""

    criteria: SignatureFilter
    result: SignatureList
    cursors: list[str]
    page_info: PageInfo


@dataclass(frozen=True, slots=True)
class Edge:
    """An item of a list with its cursor."""

    node: model.Session | model.Signature
    cursor: str


def _sessions(root: strawberry.Parent[SessionPage]) -> Sequence[model.Session]:
    return root.result.page.sessions


def _session_edges(root: strawberry.Parent[SessionPage]) -> list[Edge]:
    return [Edge(row.session, cursor) for row, cursor in zip(root.result.page.rows, root.cursors, strict=True)]


async def _session_count(root: strawberry.Parent[SessionPage], info: Info) -> int:
    return await info.context.signing.queries.count_sessions(root.criteria)


def _event_cursor(root: strawberry.Parent[SessionPage]) -> str:
    return root.result.cursor


def _signatures(root: strawberry.Parent[SignaturePage]) -> list[model.Signature]:
    return [signature for signature, _ in root.result.rows]


def _signature_edges(root: strawberry.Parent[SignaturePage]) -> list[Edge]:
    return [Edge(signature, cursor) for (signature, _), cursor in zip(root.result.rows, root.cursors, strict=True)]


async def _signature_count(root: strawberry.Parent[SignaturePage], info: Info) -> int:
    return await info.context.signing.signatures.count_signatures(root.criteria)


def _sources(root: strawberry.Parent[SessionPage | SignaturePage]) -> list[ModelReport]:
    return list(root.result.sources)


@strawberry.type
@describes(Edge)
class SessionEdge:
    """A session of a list with its cursor."""

    node: Session
    cursor: str


@strawberry.type
@describes(Edge)
class SignatureEdge:
    """A signature of a list with its cursor."""

    node: Signature
    cursor: str


@strawberry.type
@describes(SessionPage)
class SessionConnection:
    """A page of sessions over all providers."""

    edges: list[SessionEdge] = resolved(_session_edges)
    nodes: list[Session] = resolved(_sessions)
    page_info: PageInfo
    total_count: int | None = resolved(_session_count)
    sources: list[SourceReport] = resolved(_sources, "One entry per provider that was asked, whatever it answered.")
    event_cursor: str = resolved(
        _event_cursor,
        "Where the event log stood when this page was made: follow sessionEvents(after:) from here, and nothing falls in"
        " between.",
    )


@strawberry.type
@describes(SignaturePage)
class SignatureConnection:
    """A page of signatures over all providers."""

    edges: list[SignatureEdge] = resolved(_signature_edges)
    nodes: list[Signature] = resolved(_signatures)
    page_info: PageInfo
    total_count: int | None = resolved(_signature_count)
    sources: list[SourceReport] = resolved(_sources)
