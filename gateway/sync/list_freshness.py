"""How fresh the part of a list is that one provider gave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from providers.errors import AuthorizationRequired, Busy, Forbidden, SigningError, TimedOut
from providers.model import UnreadableRow


class SourceOutcome(StrEnum):
    """How a provider answered when a list was asked for."""

    FRESH = "FRESH"
    STALE = "STALE"
    UNAVAILABLE = "UNAVAILABLE"
    TIMED_OUT = "TIMED_OUT"
    UNAUTHORIZED = "UNAUTHORIZED"


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How fresh one provider's part of a list is, why it is not fresher, and what of it could not be read."""

    provider: str
    outcome: SourceOutcome
    as_of: datetime | None = None
    problem: SigningError | None = None
    unreadable: tuple[UnreadableRow, ...] = ()


def outcome(error: SigningError) -> SourceOutcome:
    """How a provider answered that failed so."""
    match error:
        case AuthorizationRequired() | Forbidden():
            return SourceOutcome.UNAUTHORIZED
        case SigningError(status=403):
            return SourceOutcome.UNAUTHORIZED
        case TimedOut():
            return SourceOutcome.TIMED_OUT
        case Busy():
            return SourceOutcome.STALE
        case _:
            return SourceOutcome.UNAVAILABLE
