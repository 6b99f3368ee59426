"""Document of a session, and the stream of its bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from providers.model.reference import SessionRef


class DocumentRole(StrEnum):
    """The role of a document in its session."""

    TO_SIGN = "TO_SIGN"
    ATTACHMENT = "ATTACHMENT"
    SIGNED = "SIGNED"
    EVIDENCE = "EVIDENCE"


class DocumentStatus(StrEnum):
    """Whether a document can be downloaded, and whether it is signed."""

    PROCESSING = "PROCESSING"
    READY = "READY"
    SIGNED = "SIGNED"
    FAILED = "FAILED"
    DELETED = "DELETED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file of a session: to be signed, attached, or a result."""

    session: SessionRef
    key: str
    role: DocumentRole
    status: DocumentStatus
    title: str | None = None
    filename: str | None = None
    description: str | None = None
    provider_status: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Stream of bytes, to be read once."""

    chunks: AsyncIterator[bytes]
    media_type: str
    filename: str | None = None
    size_bytes: int | None = None
