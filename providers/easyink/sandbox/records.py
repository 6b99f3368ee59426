"""Records of the simulator: a session with its files, participants and fields, and their JSON in drafts, views and rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

Json = dict[str, object]

STARTED = frozenset({"Pending", "InProgress"})
ACTIVE = STARTED | {"ReadyToStart"}
_ACTED = frozenset({"Signed", "Declined"})


def new_id() -> str:
    """A new id, in EasyInk's form."""
    return str(uuid4())


def dotnet_instant(instant: datetime | None) -> str | None:
    """Formats an instant as .NET does, with seven decimals."""
    return None if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


@dataclass(slots=True)
class StoredFile:
    """A file, as PDF; it has 0 pages where it could not be processed. ``reads`` counts how often its status was read."""

    key: str
    title: str
    pdf: bytes = field(repr=False)
    pages: int
    uploaded_at: float
    reads: int = 0

    @property
    def filename(self) -> str:
        """The file name of a download."""
        return f"{self.title}.pdf"


@dataclass(slots=True)
class StoredParticipant:
    """A participant. ``body`` is what the client sent; ``invitations`` counts the messages to the person."""

    key: str
    body: Json = field(repr=False)
    role: str = "Signer"
    user: str | None = None
    status: str = "Pending"
    signed_at: datetime | None = None
    invitations: int = 0

    @property
    def name(self) -> str:
        """The name that they sign with."""
        return " ".join(str(self.body[part]) for part in ("firstName", "lastName") if self.body.get(part)) or "Nobody"

    @property
    def open(self) -> bool:
        """Whether the person has neither signed nor declined."""
        return self.status not in _ACTED

    def draft_payload(self) -> Json:
        """The participant in a draft."""
        names = ("firstName", "middleName", "lastName", "email", "phone", "deliveryMethods", "language")
        body = {name: self.body.get(name) for name in names}
        ids = {"userId": self.user, "signatureBlobId": None, "initialsBlobId": None}
        return {"id": self.key, "role": self.role, **ids, **body}

    def view_payload(self) -> Json:
        """The participant in a view: without phone, language and delivery methods."""
        body = {name: self.body.get(name) for name in ("firstName", "lastName", "email")}
        status = {"role": self.role, "status": self.status, "signedAt": dotnet_instant(self.signed_at)}
        return {"participantId": self.key, **body, **status}


@dataclass(slots=True)
class StoredField:
    """A field on a document."""

    key: str
    document: str
    participant: str | None
    type: str
    placement: Json
    required: bool
    depends_on: str | None

    def draft_payload(self) -> Json:
        """The field in a draft."""
        options = {"isRequired": self.required, "forType": self.type}
        body = {"type": self.type, "placement": self.placement, "options": options}
        owner = {"documentId": self.document, "participantId": self.participant}
        return {"id": self.key, **owner, "dependsOn": self.depends_on, "field": body}


@dataclass(slots=True)
class StoredSession:
    """A session from draft to end. ``order`` is None where all sign at once; a converted draft is locked."""

    key: str
    subject: str | None
    created_at: datetime
    status: str = "Draft"
    locked: bool = False
    bounced: bool = False
    reminder: str | None = None
    reason: str | None = None
    order: list[str] | None = None
    documents: dict[str, StoredFile] = field(default_factory=dict)
    attachments: dict[str, StoredFile] = field(default_factory=dict)
    people: dict[str, StoredParticipant] = field(default_factory=dict)
    fields: dict[str, StoredField] = field(default_factory=dict)
    signed: dict[str, StoredFile] = field(default_factory=dict)
    all_in_one: StoredFile | None = None

    @property
    def waiting(self) -> list[StoredParticipant]:
        """The participants whose turn it is."""
        if self.status not in STARTED:
            return []
        people = [self.people[key] for key in self.order] if self.order else list(self.people.values())
        remaining = [person for person in people if person.open]
        return remaining[:1] if self.order else remaining

    def invite(self) -> None:
        """Invites the participants whose turn it is, unless they were invited."""
        for person in self.waiting:
            person.invitations = person.invitations or 1

    def awaits(self, user: str) -> bool:
        """Whether it is the turn of a user of the organisation."""
        return any(person.user == user for person in self.waiting)

    def draft_payload(self, read_status: Callable[[StoredFile], str], organization: str, user: str, *, voidable: bool) -> Json:
        """The session as a draft. Each read of a file's status advances its processing."""
        return {
            "signingSessionId": self.key,
            "organizationId": organization,
            "settingsSetId": organization,
            "initiatorUserId": user,
            "timestampFormat": "Usa",
            "isBulkSession": False,
            "isLocked": self.locked,
            "isVoidDisabled": not voidable,
            "isSessionCopyDisabled": False,
            "isValidBulkParticipant": None,
            "subject": self.subject,
            "documents": [_file_payload(file, read_status) for file in self.documents.values()],
            "attachments": [_file_payload(file, read_status) for file in self.attachments.values()],
            "participants": [person.draft_payload() for person in self.people.values()],
            "bulkParticipants": None,
            "signatureFields": [placed.draft_payload() for placed in self.fields.values()],
            "pageLabels": [],
            "reminderFrequency": self.reminder,
            "signingOrderSettings": {"type": "OneByOne" if self.order else "AllAtOnce", "participantsOrder": self.order},
        }

    def view_payload(self, read_status: Callable[[StoredFile], str], all_in_one: Json | None, *, voidable: bool) -> Json:
        """The session as a view."""
        return {
            "signingSessionId": self.key,
            "bulkSessionId": None,
            "subject": self.subject,
            "canBeVoided": voidable and self.status in ACTIVE,
            "canBeCopied": self.status not in {"Voided", "Expired"},
            "status": self.status,
            "documents": [{"documentId": file.key, "title": file.title} for file in self.documents.values()],
            "participants": [person.view_payload() for person in self.people.values()],
            "signedDocuments": [
                {"signedDocumentId": file.key, "title": file.title, "processingStatus": read_status(file)}
                for file in self.signed.values()
            ],
            "attachments": [{"attachmentId": file.key, "title": file.title} for file in self.attachments.values()],
            "allInOneDocument": all_in_one,
        }

    def row_payload(self, user: str) -> Json:
        """The session as a row of a search."""
        return {
            "id": self.key,
            "isBulk": False,
            "subject": self.subject,
            "created": dotnet_instant(self.created_at),
            "status": self.status,
            "currentUserNeedToSign": self.awaits(user),
            "hasNotificationErrors": self.bounced,
            "canBeDeleted": self.status == "Draft" and not self.locked,
        }

    def copy(self, subject: str | None, now: datetime) -> StoredSession:
        """A new draft with the same files, participants and fields, all under new ids."""
        ids = {old: new_id() for old in (*self.documents, *self.attachments, *self.people, *self.fields)}

        def copy_file(old: StoredFile) -> StoredFile:
            return StoredFile(ids[old.key], old.title, old.pdf, old.pages, old.uploaded_at, reads=old.reads)

        copy = StoredSession(new_id(), subject or self.subject, now, reminder=self.reminder)
        copy.order = [ids[key] for key in self.order] if self.order else None
        copy.documents = {ids[key]: copy_file(old) for key, old in self.documents.items()}
        copy.attachments = {ids[key]: copy_file(old) for key, old in self.attachments.items()}
        copy.people = {ids[key]: StoredParticipant(ids[key], old.body, old.role, old.user) for key, old in self.people.items()}
        for key, old in self.fields.items():
            participant, depends_on = ids.get(old.participant or ""), ids.get(old.depends_on or "")
            copy.fields[ids[key]] = StoredField(
                ids[key], ids[old.document], participant, old.type, old.placement, old.required, depends_on
            )
        return copy


def _file_payload(file: StoredFile, read_status: Callable[[StoredFile], str]) -> Json:
    word = read_status(file)
    status = "ProcessingInProgress" if word == "Processing" else f"Processing{word}"
    pages = [{"number": number} for number in range(1, file.pages + 1)] if word == "Ready" else []
    return {"id": file.key, "title": file.title, "blobId": file.key, "status": status, "pages": pages}
