"""Records of the simulator: a document, a collection and a signing session as they are stored, with their JSON."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from providers.signicat.sandbox.requests import CollectionOrder, SessionOrder
from providers.signicat.wire import instant_text


@dataclass(slots=True)
class StoredDocument:
    """A document, uploaded or made; ``owners`` are keys of the sessions that keep it alive."""

    key: str
    content: bytes = field(repr=False)
    media_type: str
    created_at: datetime
    names: dict[str, str] = field(default_factory=dict)
    owners: set[str] = field(default_factory=set)
    assigned: bool = False

    def payload(self, *, named: bool) -> dict[str, Any]:
        """The metadata; the answer to an upload has no names."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {
            "documentId": self.key,
            "mimeType": self.media_type,
            "createdAt": self.created_at.isoformat().replace("+00:00", "Z"),
            "documentHash": {"hash": digest, "hashAlgorithm": "SHA256"},
            **(self.names if named else {}),
        }


@dataclass(slots=True)
class Packaging:
    """Packages of a collection or of a session; they are due from ``ready_at`` on."""

    ready_at: datetime | None = None
    packages: list[dict[str, str]] = field(default_factory=list)
    done: bool = False

    @property
    def pending(self) -> bool:
        """Whether packages are to be made, now or later."""
        return self.ready_at is not None and not self.done


@dataclass(slots=True)
class StoredCollection:
    """A document collection."""

    key: str
    order: CollectionOrder
    packaging: Packaging = field(default_factory=Packaging)

    def payload(self) -> dict[str, Any]:
        """The JSON of the collection."""
        order = self.order.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {"id": self.key, "packageTo": [], **order, "output": {"packages": self.packaging.packages}}


@dataclass(slots=True)
class StoredSession:
    """A signing session; ``signer`` is the name in the eID that will sign."""

    key: str
    order: SessionOrder
    created_at: datetime
    due_at: datetime
    signer: str
    state: str = "READY"
    signatures: list[dict[str, str]] = field(default_factory=list)
    packaging: Packaging = field(default_factory=Packaging)
    archive_id: str | None = None
    link: str = field(default_factory=lambda: str(uuid4()), repr=False)

    @property
    def final(self) -> bool:
        """Whether the state can change no more."""
        return self.state in {"SIGNED", "REJECTED"}

    @property
    def collections(self) -> set[str]:
        """Keys of the collections of its documents."""
        return {use.document_collection_id for use in self.order.documents}

    def signable(self, now: datetime) -> bool:
        """Whether the signer can sign or decline."""
        return self.state == "READY" and self.due_at >= now

    def payload(self) -> dict[str, Any]:
        """The JSON of the session: without its link, and without a creation time."""
        ttl = self.order.signature_url_ttl
        expires_at = self.created_at + timedelta(minutes=ttl) if ttl else self.due_at
        payload = self.order.payload() | {"id": self.key, "dueDate": instant_text(self.due_at)}
        if "archive" in payload and self.archive_id:
            payload["archive"] |= {"archiveId": self.archive_id}
        return payload | {
            "signatureUrlExpiresAt": instant_text(expires_at),
            "lifecycle": {"state": self.state, "stateIsFinal": self.final},
            "output": {"signatures": self.signatures, "packages": self.packaging.packages},
        }
