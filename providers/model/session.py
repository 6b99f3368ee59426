"""Session: what a person calls "the thing being signed", with its documents, participants and signatures."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import ClassVar

from providers.model.document import Document, DocumentStatus
from providers.model.participant import Participant
from providers.model.progress import Progress, documents_progress, participants_progress
from providers.model.reference import SessionRef, UnreadableRow
from providers.model.signature import Field, Signature
from providers.model.status import ChangeSource, ReminderFrequency, SessionKind, SessionStatus, SigningOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Long-term archiving at the provider: whether it was requested, and the archive's own id.

    ``retention_period`` is an ISO 8601 duration, unconverted: a year is not 365 days to an archive.
    """

    requested: bool
    retention_period: str | None = None
    archive_id: str | None = None


class ContentIdentity:
    """Identity of a session's content, shared by all observations of it; a weak reference to it can be kept."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, kw_only=True)
class Session:
    """Session at a provider: documents to be signed, by participants.

    ``parts`` are the keys of the native sessions where this one is composed of several, in signing order.
    ``partial`` marks a row of a list, which lacks what only a read of the session returns. ``native`` is the provider's
    last payload as JSON, without its signing URLs. ``unreadable`` lists the parts that could not be read, or whose links
    were dangling. ``observed_at``, ``source`` and ``stale`` are written by the gateway, never by an adapter.

    It has no slots, as derived properties are cached.
    """

    provider: str
    key: str
    kind: SessionKind
    status: SessionStatus
    provider_status: str | None = None
    status_reason: str | None = None
    title: str | None = None
    reference: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    due_at: datetime | None = None
    completed_at: datetime | None = None
    signing_order: SigningOrder = SigningOrder.PARALLEL
    reminder_frequency: ReminderFrequency | None = None
    documents: tuple[Document, ...] = ()
    participants: tuple[Participant, ...] = ()
    signatures: tuple[Signature, ...] = ()
    fields: tuple[Field, ...] = ()
    archive: Archive | None = None
    parts: tuple[str, ...] = ()
    partial: bool = False
    unreadable: tuple[UnreadableRow, ...] = ()
    native: bytes = field(default=b"null", repr=False)
    observed_at: datetime | None = None
    source: ChangeSource = ChangeSource.READ
    stale: bool = False

    OBSERVATION_FIELDS: ClassVar[frozenset[str]] = frozenset({"observed_at", "source", "stale"})
    """Fields that describe the observation of a session by the gateway, not the session."""

    @cached_property
    def ref(self) -> SessionRef:
        """The reference of this session: provider and key."""
        return SessionRef(self.provider, self.key)

    @property
    def final(self) -> bool:
        """No further change is expected."""
        return self.status.final

    @cached_property
    def settled(self) -> bool:
        """Final, and every result exists: it need not be read again."""
        return self.final and all(item.status is not DocumentStatus.PROCESSING for item in self.documents)

    @cached_property
    def content(self) -> tuple[object, ...]:
        """All fields but those of the observation, for comparison."""
        return _content(self)

    @cached_property
    def content_identity(self) -> ContentIdentity:
        """The identity of its content: stays the same object through ``with_observation``."""
        return ContentIdentity()

    def with_observation(self, at: datetime, source: ChangeSource) -> Session:
        """A copy with another time and source of observation, as by ``replace``, at a tenth of its cost."""
        observed = object.__new__(Session)
        values = vars(self).copy()
        values["observed_at"], values["source"], values["stale"] = at, source, False
        object.__setattr__(observed, "__dict__", values)
        return observed

    @cached_property
    def progress(self) -> Progress:
        """Counts of participants by their status; a session without any counts its documents to sign."""
        if self.participants:
            return participants_progress(self.participants)
        return documents_progress(self.documents)

    def document(self, key: str) -> Document | None:
        """The document with this key."""
        return next((item for item in self.documents if item.key == key), None)

    def participant(self, key: str) -> Participant | None:
        """The participant with this key."""
        return next((item for item in self.participants if item.key == key), None)

    def signature(self, key: str) -> Signature | None:
        """The signature with this key."""
        return next((item for item in self.signatures if item.key == key), None)

    def field(self, key: str) -> Field | None:
        """The field with this key."""
        return next((item for item in self.fields if item.key == key), None)


_content = attrgetter(*(each.name for each in fields(Session) if each.name not in Session.OBSERVATION_FIELDS))
