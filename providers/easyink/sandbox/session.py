"""What the sandbox keeps of one session, and how EasyInk would show it."""

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
    """An id as EasyInk gives them."""
    return str(uuid4())


def stamp(instant: datetime | None) -> str | None:
    """An instant as .NET writes it: seven decimals."""
    return None if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


@dataclass(slots=True)
class Paper:
    """A file, as PDF; 0 pages where it could not be read. ``looks`` counts how often its state was asked for."""

    key: str
    title: str
    pdf: bytes = field(repr=False)
    pages: int
    at: float
    looks: int = 0

    @property
    def filename(self) -> str:
        """The name under which it is downloaded."""
        return f"{self.title}.pdf"


@dataclass(slots=True)
class Person:
    """A participant. ``told`` is the participant as the client gave it; ``invitations`` counts what was sent."""

    key: str
    told: Json = field(repr=False)
    role: str = "Signer"
    user: str | None = None
    status: str = "Pending"
    signed_at: datetime | None = None
    invitations: int = 0

    @property
    def name(self) -> str:
        """Under which they sign."""
        return " ".join(str(self.told[part]) for part in ("firstName", "lastName") if self.told.get(part)) or "Nobody"

    @property
    def open(self) -> bool:
        """Has neither signed nor declined."""
        return self.status not in _ACTED

    def drafted(self) -> Json:
        """As a draft shows them."""
        names = ("firstName", "middleName", "lastName", "email", "phone", "deliveryMethods", "language")
        told = {name: self.told.get(name) for name in names}
        kept = {"userId": self.user, "signatureBlobId": None, "initialsBlobId": None}
        return {"id": self.key, "role": self.role, **kept, **told}

    def viewed(self) -> Json:
        """As the view of a session shows them: no phone, no language, no deliveries."""
        told = {name: self.told.get(name) for name in ("firstName", "lastName", "email")}
        acted = {"role": self.role, "status": self.status, "signedAt": stamp(self.signed_at)}
        return {"participantId": self.key, **told, **acted}


@dataclass(slots=True)
class Placed:
    """A field on a document."""

    key: str
    document: str
    participant: str | None
    type: str
    placement: Json
    required: bool
    depends_on: str | None

    def drafted(self) -> Json:
        """As a draft shows it."""
        options = {"isRequired": self.required, "forType": self.type}
        body = {"type": self.type, "placement": self.placement, "options": options}
        owner = {"documentId": self.document, "participantId": self.participant}
        return {"id": self.key, **owner, "dependsOn": self.depends_on, "field": body}


@dataclass(slots=True)
class Dossier:
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
    documents: dict[str, Paper] = field(default_factory=dict)
    attachments: dict[str, Paper] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    fields: dict[str, Placed] = field(default_factory=dict)
    signed: dict[str, Paper] = field(default_factory=dict)
    bundle: Paper | None = None

    @property
    def waiting(self) -> list[Person]:
        """Who could sign now."""
        if self.status not in STARTED:
            return []
        people = [self.people[key] for key in self.order] if self.order else list(self.people.values())
        left = [person for person in people if person.open]
        return left[:1] if self.order else left

    def invite(self) -> None:
        """Whoever could sign now and was not told so is told."""
        for person in self.waiting:
            person.invitations = person.invitations or 1

    def needs(self, user: str) -> bool:
        """Whether a user of the organisation is to sign now."""
        return any(person.user == user for person in self.waiting)

    def drafted(self, look: Callable[[Paper], str], organization: str, user: str, *, voidable: bool) -> Json:
        """As a draft. Every look at a file brings its processing on."""
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
            "documents": [_file(paper, look) for paper in self.documents.values()],
            "attachments": [_file(paper, look) for paper in self.attachments.values()],
            "participants": [person.drafted() for person in self.people.values()],
            "bulkParticipants": None,
            "signatureFields": [placed.drafted() for placed in self.fields.values()],
            "pageLabels": [],
            "reminderFrequency": self.reminder,
            "signingOrderSettings": {"type": "OneByOne" if self.order else "AllAtOnce", "participantsOrder": self.order},
        }

    def viewed(self, look: Callable[[Paper], str], bundle: Json | None, *, voidable: bool) -> Json:
        """As a session."""
        return {
            "signingSessionId": self.key,
            "bulkSessionId": None,
            "subject": self.subject,
            "canBeVoided": voidable and self.status in ACTIVE,
            "canBeCopied": self.status not in {"Voided", "Expired"},
            "status": self.status,
            "documents": [{"documentId": paper.key, "title": paper.title} for paper in self.documents.values()],
            "participants": [person.viewed() for person in self.people.values()],
            "signedDocuments": [
                {"signedDocumentId": paper.key, "title": paper.title, "processingStatus": look(paper)}
                for paper in self.signed.values()
            ],
            "attachments": [{"attachmentId": paper.key, "title": paper.title} for paper in self.attachments.values()],
            "allInOneDocument": bundle,
        }

    def listed(self, user: str) -> Json:
        """As a row of a search."""
        return {
            "id": self.key,
            "isBulk": False,
            "subject": self.subject,
            "created": stamp(self.created_at),
            "status": self.status,
            "currentUserNeedToSign": self.needs(user),
            "hasNotificationErrors": self.bounced,
            "canBeDeleted": self.status == "Draft" and not self.locked,
        }

    def copied(self, subject: str | None, now: datetime) -> Dossier:
        """A new draft with the same files, people and fields, all under new ids."""
        new = {old: new_id() for old in (*self.documents, *self.attachments, *self.people, *self.fields)}

        def paper(old: Paper) -> Paper:
            return Paper(new[old.key], old.title, old.pdf, old.pages, old.at, looks=old.looks)

        copy = Dossier(new_id(), subject or self.subject, now, reminder=self.reminder)
        copy.order = [new[key] for key in self.order] if self.order else None
        copy.documents = {new[key]: paper(old) for key, old in self.documents.items()}
        copy.attachments = {new[key]: paper(old) for key, old in self.attachments.items()}
        copy.people = {new[key]: Person(new[key], old.told, old.role, old.user) for key, old in self.people.items()}
        for key, old in self.fields.items():
            participant, depends_on = new.get(old.participant or ""), new.get(old.depends_on or "")
            copy.fields[new[key]] = Placed(
                new[key], new[old.document], participant, old.type, old.placement, old.required, depends_on
            )
        return copy


def _file(paper: Paper, look: Callable[[Paper], str]) -> Json:
    word = look(paper)
    status = "ProcessingInProgress" if word == "Processing" else f"Processing{word}"
    pages = [{"number": number} for number in range(1, paper.pages + 1)] if word == "Ready" else []
    return {"id": paper.key, "title": paper.title, "blobId": paper.key, "status": status, "pages": pages}
