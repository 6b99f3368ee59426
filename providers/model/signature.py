"""Signature in a session, and the field of a document in which one is placed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from providers.model.reference import SessionRef


class SignatureFormat(StrEnum):
    """The format of a signature."""

    CADES = "CADES"
    PADES = "PADES"
    XADES = "XADES"
    XMLDSIG = "XMLDSIG"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature that the provider has stored or created; ``document`` is the key of the document that it is in."""

    session: SessionRef
    key: str
    format: SignatureFormat
    document: str | None = None
    participant: str | None = None
    version: int | None = None
    comment: str | None = None
    tags: tuple[str, ...] = ()
    created_by: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    signed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Field of a document where a participant signs, in PDF points from the lower left corner of a page (from 1)."""

    session: SessionRef
    key: str
    document: str
    participant: str | None
    type: str
    page: int
    x: float
    y: float
    width: float
    height: float
    required: bool
    depends_on: str | None = None
