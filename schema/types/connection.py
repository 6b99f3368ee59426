"""Pages of sessions and of signatures."""

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
    """A row, or a part of a session, that could not be read: its key where that is known, and why."""

    key: str | None
    reason: str


@strawberry.type
@describes(ModelReport)
class SourceReport:
    """How fresh one provider's part of a list is, and why it is not fresher."""

    provider: str
    outcome: SourceOutcome
    as_of: datetime | None
    problem: Problem | None = resolved(_problem)
    unreadable: list[UnreadableRow] = strawberry.field(
        description="Rows of this provider's list that could not be read; the others are there. At most the first 20."
    )


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A page of sessions on its way out."""

    wanted: SessionFilter
    order: SessionOrder
    window: Window
    found: SessionList

    @property
    def cursors(self) -> list[str]:
        """Where each session stands."""
        return self._cursors(self.found.page.rows)

    @property
    def page_info(self) -> PageInfo:
        """Where the page stands in its list."""
        rows = self.found.page.rows
        return self.window.page_info(self._cursors([*rows[:1], *rows[-1:]]), more=self.found.page.more)

    def _cursors(self, rows: Sequence[SessionRow]) -> list[str]:
        query = fingerprint("session", self.wanted, self.order)
        return [cursor(query, row.position.at, row.position.provider, row.position.key) for row in rows]


@dataclass(frozen=True, slots=True)
class SignaturePage:
    """A page of signatures on its way out."""

    wanted: SignatureFilter
    found: SignatureList
    cursors: list[str]
    page_info: PageInfo


@dataclass(frozen=True, slots=True)
class Edge:
    """Something in a list, and where it stands."""

    node: model.Session | model.Signature
    cursor: str


def _sessions(root: strawberry.Parent[SessionPage]) -> Sequence[model.Session]:
    return root.found.page.sessions


def _session_edges(root: strawberry.Parent[SessionPage]) -> list[Edge]:
    return [Edge(row.session, cursor) for row, cursor in zip(root.found.page.rows, root.cursors, strict=True)]


async def _session_count(root: strawberry.Parent[SessionPage], info: Info) -> int:
    return await info.context.signing.queries.count_sessions(root.wanted)


def _event_cursor(root: strawberry.Parent[SessionPage]) -> str:
    return root.found.cursor


def _signatures(root: strawberry.Parent[SignaturePage]) -> list[model.Signature]:
    return [signature for signature, _ in root.found.rows]


def _signature_edges(root: strawberry.Parent[SignaturePage]) -> list[Edge]:
    return [Edge(signature, cursor) for (signature, _), cursor in zip(root.found.rows, root.cursors, strict=True)]


async def _signature_count(root: strawberry.Parent[SignaturePage], info: Info) -> int:
    return await info.context.signing.signatures.count_signatures(root.wanted)


def _sources(root: strawberry.Parent[SessionPage | SignaturePage]) -> list[ModelReport]:
    return list(root.found.sources)


@strawberry.type
@describes(Edge)
class SessionEdge:
    """A session in a list."""

    node: Session
    cursor: str


@strawberry.type
@describes(Edge)
class SignatureEdge:
    """A signature in a list."""

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
