"""Participant: a person in a session, with role, status and invitation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from providers.model.reference import SessionRef


class ParticipantRole(StrEnum):
    """The role of a person in a session."""

    SIGNER = "SIGNER"
    INITIATOR = "INITIATOR"
    COPY = "COPY"
    UNKNOWN = "UNKNOWN"


class ParticipantStatus(StrEnum):
    """The progress of a participant."""

    WAITING = "WAITING"
    INVITED = "INVITED"
    VIEWED = "VIEWED"
    SIGNED = "SIGNED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class DeliveryMethod(StrEnum):
    """The way in which an invitation is delivered."""

    EMAIL = "EMAIL"
    SMS = "SMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A person in a session. All but key, role, order and status is personal data."""

    session: SessionRef
    key: str
    role: ParticipantRole
    status: ParticipantStatus
    order: int | None = None
    provider_status: str | None = None
    first_name: str | None = field(default=None, repr=False)
    middle_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    display_name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    language: str | None = None
    signed_at: datetime | None = None
    decline_reason: str | None = field(default=None, repr=False)
    delivery_methods: tuple[DeliveryMethod, ...] = ()
    signing_url: str | None = field(default=None, repr=False)
    signing_url_expires_at: datetime | None = None
