"""Progress of a session, and a provider's own statistics: counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from providers.model.document import Document, DocumentRole, DocumentStatus
from providers.model.participant import Participant, ParticipantRole, ParticipantStatus
from providers.model.status import SessionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Counts of participants by progress; for a batch, of documents."""

    required: int
    signed: int
    declined: int
    pending: int
    failed: int


def participants_progress(participants: tuple[Participant, ...]) -> Progress:
    """Counts signers; a copy is sent to nobody who has to act."""
    signers = [person.status for person in participants if person.role is not ParticipantRole.COPY]
    signed = signers.count(ParticipantStatus.SIGNED)
    declined = signers.count(ParticipantStatus.DECLINED)
    failed = signers.count(ParticipantStatus.FAILED) + signers.count(ParticipantStatus.EXPIRED)
    pending = len(signers) - signed - declined - failed
    return Progress(required=len(signers), signed=signed, declined=declined, pending=pending, failed=failed)


def documents_progress(documents: tuple[Document, ...]) -> Progress:
    """Counts the documents to sign, for a batch without participants."""
    to_sign = [item.status for item in documents if item.role is DocumentRole.TO_SIGN]
    signed = to_sign.count(DocumentStatus.SIGNED)
    failed = to_sign.count(DocumentStatus.FAILED)
    return Progress(required=len(to_sign), signed=signed, declined=0, pending=len(to_sign) - signed - failed, failed=failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A provider's own counts of its sessions; None where it has no such count."""

    by_status: Mapping[SessionStatus, int]
    to_sign: int | None = None
    needs_action: int | None = None
