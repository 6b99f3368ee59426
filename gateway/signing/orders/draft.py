"""Drafts: what a client asks for, before its documents are looked up and it becomes an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from gateway.store import StagedFile
from gateway.web.uploads import read, safe_filename
from providers.errors import Invalid
from providers.model import DocumentRole, ReminderFrequency, SessionRef, SigningOrder
from providers.orders import DocumentOrder, FieldOrder, Order, ParticipantOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDraft:
    """A document, taken from exactly one of: an upload, or a document that a provider has.

    ``sha256`` is that of a file which came with the request: the same file sent again is another upload.
    """

    upload: str | None = None
    sha256: str | None = None
    document: tuple[SessionRef, str] | None = None
    title: str | None = None
    filename: str | None = None
    description: str | None = None
    role: DocumentRole = DocumentRole.TO_SIGN

    @property
    def meaning(self) -> Self:
        """The input that an idempotency key stands for: equal also where the same file is uploaded again."""
        return self if self.sha256 is None else replace(self, upload=None)

    def order(self, file: StagedFile) -> DocumentOrder:
        """The order for a staged file."""
        filename = safe_filename(self.filename) or safe_filename(file.filename) or "document.pdf"
        return DocumentOrder(
            filename=filename,
            media_type=file.media_type,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            open=lambda: read(file.path),
            title=self.title,
            description=self.description,
            role=self.role,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDraft:
    """A field whose participant is named by the ``ref`` that the same draft gives to one."""

    document: int
    participant: str | None
    type: str
    page: int
    x: float
    y: float
    width: float
    height: float
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDraft:
    """A session that a client asks for; ``refs`` name its participants within the draft."""

    provider: str
    title: str
    documents: tuple[DocumentDraft, ...] = ()
    participants: tuple[ParticipantOrder, ...] = ()
    refs: tuple[str | None, ...] = ()
    fields: tuple[FieldDraft, ...] = ()
    signing_order: SigningOrder = SigningOrder.PARALLEL
    due_at: datetime | None = None
    reference: str | None = None
    message: str | None = None
    reminder_frequency: ReminderFrequency | None = None
    archive_for: str | None = None
    start: bool = True
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def meaning(self) -> Self:
        """The input that an idempotency key stands for: equal also where the same files are uploaded again."""
        return replace(self, documents=tuple(each.meaning for each in self.documents))

    def order(self, documents: tuple[DocumentOrder, ...]) -> Order:
        """The order, with its documents. Raises ``Invalid`` for a field that points nowhere, and for what is named twice."""
        _require_once(self.refs, "participants", "ref", "Another participant has this ref. Give each their own.")
        uploads = [each.upload for each in self.documents]
        _require_once(uploads, "documents", "upload", "Another document is this upload. Upload the file once for each.")
        return Order(
            title=self.title,
            documents=documents,
            participants=self.participants,
            fields=self._fields(),
            signing_order=self.signing_order,
            due_at=self.due_at,
            reference=self.reference,
            message=self.message,
            reminder_frequency=self.reminder_frequency,
            archive_for=self.archive_for,
            start=self.start,
            options=self.options,
        )

    def _fields(self) -> tuple[FieldOrder, ...]:
        places = {ref: place for place, ref in reversed(list(enumerate(self.refs)))}
        return tuple(self._field(place, each, places) for place, each in enumerate(self.fields))

    def _field(self, place: int, draft: FieldDraft, refs: Mapping[str | None, int]) -> FieldOrder:
        path = ("input", "fields", str(place))
        if not 0 <= draft.document < len(self.documents):
            raise Invalid(f"There is no document {draft.document}; the first is 0.", path=(*path, "documentIndex"))
        if draft.participant is not None and draft.participant not in refs:
            raise Invalid("No participant has this ref. Give one of them the same ref.", path=(*path, "participantRef"))
        return FieldOrder(
            document=draft.document,
            participant=None if draft.participant is None else refs[draft.participant],
            type=draft.type,
            page=draft.page,
            x=draft.x,
            y=draft.y,
            width=draft.width,
            height=draft.height,
            required=draft.required,
        )


def _require_once(names: Sequence[str | None], many: str, what: str, message: str) -> None:
    """Raises ``Invalid`` for a name that is given twice: a reference to it would be ambiguous."""
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            raise Invalid(message, path=("input", many, str(place), what))
        if name is not None:
            seen.add(name)
