"""Session status and the other enumerations of a session."""

from __future__ import annotations

from enum import StrEnum


class SessionKind(StrEnum):
    """What a session is at its provider."""

    SIGNING = "SIGNING"
    SEALING = "SEALING"
    RECORD = "RECORD"


class SessionStatus(StrEnum):
    """One vocabulary for the state of a session at every provider."""

    DRAFT = "DRAFT"
    READY = "READY"
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    PARTIALLY_COMPLETED = "PARTIALLY_COMPLETED"
    DECLINED = "DECLINED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    DELETED = "DELETED"
    UNKNOWN = "UNKNOWN"

    @property
    def final(self) -> bool:
        """No further change is expected."""
        return self in _FINAL


_FINAL = frozenset(
    {
        SessionStatus.COMPLETED,
        SessionStatus.PARTIALLY_COMPLETED,
        SessionStatus.DECLINED,
        SessionStatus.CANCELED,
        SessionStatus.EXPIRED,
        SessionStatus.FAILED,
        SessionStatus.DELETED,
    }
)


class SigningOrder(StrEnum):
    """Whether the participants sign side by side or one after the other."""

    PARALLEL = "PARALLEL"
    SEQUENTIAL = "SEQUENTIAL"


class ReminderFrequency(StrEnum):
    """How often the provider reminds a participant who has not signed."""

    NEVER = "NEVER"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"


class ChangeSource(StrEnum):
    """How the gateway came to know a state."""

    MUTATION = "MUTATION"
    READ = "READ"
    POLL = "POLL"
    WEBHOOK = "WEBHOOK"
    DERIVED = "DERIVED"
