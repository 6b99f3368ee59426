"""Session status and the other enumerations of a session."""

from __future__ import annotations

from enum import StrEnum


class SessionKind(StrEnum):
    """The kind of a session."""

    SIGNING = "SIGNING"
    SEALING = "SEALING"
    RECORD = "RECORD"


class SessionStatus(StrEnum):
    """Status of a session, in one vocabulary for all providers."""

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
    """Whether participants sign in parallel or one after the other."""

    PARALLEL = "PARALLEL"
    SEQUENTIAL = "SEQUENTIAL"


class ReminderFrequency(StrEnum):
    """The interval at which the provider reminds participants who have not signed."""

    NEVER = "NEVER"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"


class ChangeSource(StrEnum):
    """The source from which the gateway observed a state."""

    MUTATION = "MUTATION"
    READ = "READ"
    POLL = "POLL"
    WEBHOOK = "WEBHOOK"
    DERIVED = "DERIVED"
