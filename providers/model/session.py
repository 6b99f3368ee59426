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
    """What was asked of a provider's long-term archive, and what it said.

    ``retention_period`` is an ISO 8601 duration as it was written: a year is not 365 days to an archive.
    """

    requested: bool
    retention_period: str | None = None
    archive_id: str | None = None


class ContentIdentity:
    """What several sightings of a session have in common."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a person calls "the thing being signed".

    ``parts`` names the provider's own sessions where this one is composed of several, in signing
    order. ``partial`` marks a row of a list that lacks what only a single read gives. ``native`` is the
    provider's last payload as JSON, unchanged but for its signing URLs, which are left out.
    ``unreadable`` names parts that could not be read, or whose links led nowhere.
    ``observed_at``, ``source`` and ``stale`` are written by the gateway, never by an adapter.

    What follows from the rest is worked out once, and so there are no slots here.
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
    """What the gateway writes: how and when a session was seen, which says nothing of the session."""

    @cached_property
    def ref(self) -> SessionRef:
        """The name under which every part of the gateway knows this session."""
        return SessionRef(self.provider, self.key)

    @property
    def final(self) -> bool:
        """No further change is expected."""
        return self.status.final

    @cached_property
    def settled(self) -> bool:
        """Final, and no result is still being made: there is no reason to read it again."""
        return self.final and all(item.status is not DocumentStatus.PROCESSING for item in self.documents)

    @cached_property
    def content(self) -> tuple[object, ...]:
        """All that a provider says of it: the same whenever and however it was seen."""
        return _content(self)

    @cached_property
    def content_identity(self) -> ContentIdentity:
        """Stands for all of it but what is passing: as often as the same is observed, this stays the same object."""
        return ContentIdentity()

    def with_observation(self, at: datetime, source: ChangeSource) -> Session:
        """The same session, as it was seen then. It is what ``replace`` would make, at a tenth of the cost."""
        again = object.__new__(Session)
        values = vars(self).copy()
        values["observed_at"], values["source"], values["stale"] = at, source, False
        object.__setattr__(again, "__dict__", values)
        return again

    @cached_property
    def progress(self) -> Progress:
        """How many participants have acted; a session without any counts its documents to sign."""
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
