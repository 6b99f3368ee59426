"""Model: frozen values that adapters return and everything else reads. Every time is aware and in UTC.

It knows no provider, no database and no GraphQL.
"""

from providers.model.document import Content, Document, DocumentRole, DocumentStatus
from providers.model.page import ListRow, Page, next_offset
from providers.model.participant import DeliveryMethod, Participant, ParticipantRole, ParticipantStatus
from providers.model.progress import Progress, Statistics
from providers.model.reference import SessionRef, UnreadableRow
from providers.model.session import Archive, ContentIdentity, Session
from providers.model.signature import Field, Signature, SignatureFormat
from providers.model.status import ChangeSource, ReminderFrequency, SessionKind, SessionStatus, SigningOrder

__all__ = [
    "Archive",
    "ChangeSource",
    "Content",
    "ContentIdentity",
    "DeliveryMethod",
    "Document",
    "DocumentRole",
    "DocumentStatus",
    "Field",
    "ListRow",
    "Page",
    "Participant",
    "ParticipantRole",
    "ParticipantStatus",
    "Progress",
    "ReminderFrequency",
    "Session",
    "SessionKind",
    "SessionRef",
    "SessionStatus",
    "Signature",
    "SignatureFormat",
    "SigningOrder",
    "Statistics",
    "UnreadableRow",
    "next_offset",
]
