"""Participant: a person in a session, with role, status and invitation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from providers.model.reference import SessionRef


class ParticipantRole(StrEnum):
    """What a person does in a session."""

    SIGNER = "SIGNER"
    INITIATOR = "INITIATOR"
    COPY = "COPY"
    UNKNOWN = "UNKNOWN"


class ParticipantStatus(StrEnum):
    """How far a person is."""

    WAITING = "WAITING"
    INVITED = "INVITED"
    VIEWED = "VIEWED"
    SIGNED = "SIGNED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class DeliveryMethod(StrEnum):
    """How an invitation reaches a participant."""

    EMAIL = "EMAIL"
    SMS = "SMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A person of a session. Everything but key, role, order and status is personal data."""

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
