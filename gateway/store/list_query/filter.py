"""Session filter: the criteria and the sort order of the session list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from providers.model import SessionKind, SessionStatus


class SessionOrder(StrEnum):
    """Sort order of the session list."""

    CREATED_AT_DESC = "CREATED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    DUE_AT_ASC = "DUE_AT_ASC"

    @property
    def descending(self) -> bool:
        """Whether the newest session comes first."""
        return self is SessionOrder.CREATED_AT_DESC


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Criteria of the session list, joined by AND; None is no criterion.

    Deleted sessions match only where ``statuses`` names their status. Bounds of time are inclusive.
    """

    providers: Sequence[str] | None = None
    kinds: Sequence[SessionKind] | None = None
    statuses: Sequence[SessionStatus] | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    due_from: datetime | None = None
    due_to: datetime | None = None
    title_contains: str | None = None
    reference: str | None = None
    participant_email: str | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    exclude_statuses: Sequence[SessionStatus] | None = None
