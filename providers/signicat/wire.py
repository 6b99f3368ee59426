"""Wire models: Signicat's JSON, and the tables from its words to those of the model.

Everything but keys may be missing or null; unknown members are ignored.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta

import msgspec

from providers.http.credentials import BearerToken
from providers.model import ParticipantStatus, SignatureFormat

PARTICIPANT_STATUS = {
    "BLOCKED": ParticipantStatus.WAITING,
    "READY": ParticipantStatus.INVITED,
    "SIGNED": ParticipantStatus.SIGNED,
    "REJECTED": ParticipantStatus.DECLINED,
}
SIGNATURE_FORMAT = {"XADES": SignatureFormat.XADES, "PADES": SignatureFormat.PADES}
LANGUAGES = frozenset({"da", "de", "en", "fi", "nb", "nn", "sv"})
MOST_OFFSET, MOST_ROWS = 100_000, 1_000


class Wire(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of the wire models: names in camel case."""


class Lifecycle(Wire, frozen=True):
    """State of a session. There is none for expired or canceled."""

    state: str | None = None
    state_is_final: bool | None = None


class DocumentUse(Wire, frozen=True):
    """Use of a document in a session or a collection; ``action`` is SIGN or VIEW."""

    document_id: str | None = None
    document_collection_id: str | None = None
    action: str | None = None


class SignatureResult(Wire, frozen=True):
    """One signer's signature over one document; the result is a document of its own."""

    original_document_id: str | None = None
    result_document_id: str | None = None
    signature_type: str | None = None


class Package(Wire, frozen=True):
    """One signed file with all documents of a collection or of a session."""

    package_type: str | None = None
    result_document_id: str | None = None


class Output(Wire, frozen=True):
    """Results. Packages are made later than signatures."""

    signatures: tuple[SignatureResult, ...] | None = None
    packages: tuple[Package, ...] | None = None


class Ui(Wire, frozen=True):
    """Appearance of the signing pages."""

    language: str | None = None


class SigningSetup(Wire, frozen=True):
    """Signing method of the signer."""

    signing_flow: str | None = None


class ArchiveOrder(Wire, frozen=True):
    """Archiving of the results. Where ``archiveId`` appears is not public; this is one likely place."""

    send_signature_results_to_archive: bool | None = None
    retention_period: str | None = None
    archive_id: str | None = None


class SigningSession(Wire, frozen=True):
    """A native session, of one signer. ``createdAt`` is in no published sample; it is read where it is sent."""

    id: str
    signature_url: str | None = None
    signature_url_expires_at: str | None = None
    title: str | None = None
    external_reference: str | None = None
    due_date: str | None = None
    created_at: str | None = None
    documents: tuple[DocumentUse, ...] | None = None
    signing_setup: tuple[SigningSetup, ...] | None = None
    subsequent_to: tuple[str, ...] | None = None
    package_to: tuple[str, ...] | None = None
    ui: Ui | None = None
    archive: ArchiveOrder | None = None
    archive_id: str | None = None
    lifecycle: Lifecycle | None = None
    output: Output | None = None

    def __repr__(self) -> str:
        """The id only: with the signing link anyone can sign."""
        return f"SigningSession({self.id!r})"


class SigningSessions(Wire, frozen=True):
    """A slice of the list of sessions, each row undecoded; ``total`` counts all of them."""

    data: tuple[msgspec.Raw, ...] | None = None
    total: object = None


class Collection(Wire, frozen=True):
    """A document collection, and the packages that it is to have."""

    id: str
    documents: tuple[DocumentUse, ...] | None = None
    package_to: tuple[str, ...] | None = None
    output: Output | None = None


class DocumentHash(Wire, frozen=True):
    """A digest of a document's bytes."""

    hash: str | None = None
    hash_algorithm: str | None = None

    @property
    def sha256(self) -> str | None:
        """In lower-case hexadecimal. Whether it is sent so or in base64 is not public: both are read."""
        if not self.hash or (self.hash_algorithm or "").upper().replace("-", "") != "SHA256":
            return None
        if re.fullmatch(r"[0-9a-fA-F]{64}", self.hash):
            return self.hash.lower()
        try:
            digest = base64.b64decode(self.hash, validate=True)
        except (binascii.Error, ValueError):
            return None
        return digest.hex() if len(digest) == 32 else None


class Metadata(Wire, frozen=True):
    """Metadata of a document."""

    document_id: str
    mime_type: str | None = None
    created_at: str | None = None
    document_hash: DocumentHash | None = None
    filename: str | None = None
    title: str | None = None
    description: str | None = None


class AccessToken(Wire, frozen=True, rename=None):
    """An answer of the token endpoint."""

    access_token: BearerToken
    expires_in: object = None

    def __repr__(self) -> str:
        """Without the token."""
        return "AccessToken()"


class EventData(Wire, frozen=True):
    """Subject of an event; the member is spelled both ways."""

    id: str | None = None
    capital_id: str | None = msgspec.field(name="Id", default=None)


class Envelope(Wire, frozen=True):
    """An event, as Signicat Events posts it. Any member may have any shape, so that the others can be read all the same."""

    id: object = None
    timestamp: object = None
    sender: object = None
    event_name: object = None
    event_data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    account_id: object = None
    organization_id: object = None
    expires_at: object = None
    tags: object = None


class InvalidParam(Wire, frozen=True):
    """One refused input, and the reason."""

    name: str | None = None
    reason: str | None = None


class Problem(Wire, frozen=True):
    """An error body: problem+json, OAuth's (``error``), or that of an older product (``message``); may be empty."""

    code: str | None = None
    title: str | None = None
    detail: str | None = None
    invalid_params: tuple[InvalidParam, ...] | None = None
    message: str | None = None
    error: str | None = None
    error_description: str | None = msgspec.field(name="error_description", default=None)


def instant_text(at: datetime) -> str:
    """Formats an instant as the vendor's SDK does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_DURATION = re.compile(
    r"P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.\d{1,9})?S)?)?"
)
_SECONDS = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)


def duration(text: str | None) -> timedelta | None:
    """Parses an ISO 8601 duration, with years of 365 days and months of 30; None where it is none."""
    match = _DURATION.fullmatch(text) if text else None
    if match is None:
        return None
    return timedelta(seconds=sum(int(number or 0) * unit for number, unit in zip(match.groups(), _SECONDS, strict=True)))
