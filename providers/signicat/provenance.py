"""Provenance: rules that tell which field of Signicat's sessions and collections each field of a session comes from."""

from __future__ import annotations

from providers.decoding.coercion import parse_instant
from providers.model import DocumentRole, ParticipantStatus, SignatureFormat
from providers.provenance import Json, Rule, non_empty
from providers.signicat.composition.native_session import reference_of
from providers.signicat.wire import PARTICIPANT_STATUS, SIGNATURE_FORMAT

_FIRST = "That of the first part that has one, or what was known before."
_OUTCOME = (
    "Anyone REJECTED: DECLINED. Anyone past the due date: EXPIRED. All SIGNED: PROCESSING until the packages that were asked"
    " for are there, then COMPLETED. Some SIGNED: IN_PROGRESS, else PENDING."
)
_PACKAGES = "Not complete before every kind of package that was asked for is there."


def _own(item: dict[str, Json] | object, value: Json) -> str | None:
    return item.get("id") if isinstance(item, dict) else None


def _used(item: dict[str, Json] | object, value: Json) -> str | None:
    return item.get("documentId") if isinstance(item, dict) else None


def _made(item: dict[str, Json] | object, value: Json) -> str | None:
    return item.get("resultDocumentId") if isinstance(item, dict) else None


def _status(value: Json) -> ParticipantStatus:
    return PARTICIPANT_STATUS.get(str(value or "").upper(), ParticipantStatus.UNKNOWN)


def _role(value: Json) -> DocumentRole:
    return DocumentRole.ATTACHMENT if str(value or "").upper() == "VIEW" else DocumentRole.TO_SIGN


def _format(value: Json) -> SignatureFormat:
    return SIGNATURE_FORMAT.get(str(value or "").upper(), SignatureFormat.UNKNOWN)


_SESSION = (
    Rule("id", "participants[].key", "A signing session has one signer.", non_empty, key=_own),
    Rule("title", "title", "As it is.", non_empty, _FIRST),
    Rule("externalReference", "reference", "Without the gateway's mark behind it.", reference_of, _FIRST),
    Rule("dueDate", "dueAt", "As it is.", parse_instant, "The earliest of all parts."),
    Rule("createdAt", "createdAt", "As it is.", parse_instant, _FIRST),
    Rule(
        "lifecycle.state",
        "participants[].status",
        "By the table of Signicat's states.",
        _status,
        "A signer who has not signed when the due date passes is EXPIRED.",
        _own,
    ),
    Rule("lifecycle.state", "participants[].providerStatus", "As it is.", non_empty, key=_own),
    Rule("lifecycle.state", "status", _OUTCOME),
    Rule("lifecycle.state", "providerStatus", "As it is.", non_empty, "The states of all parts, each once."),
    Rule("dueDate", "status", _OUTCOME),
    Rule("signatureUrl", "participants[].signingUrl", "Left out here: whoever has it can sign.", key=_own),
    Rule("signatureUrlExpiresAt", "participants[].signingUrlExpiresAt", "As it is.", parse_instant, key=_own),
    Rule(
        "ui.language", "participants[].language", "As it is.", non_empty, "What was asked for when the session was made.", _own
    ),
    Rule("documents[].documentId", "documents[].key", "As it is.", non_empty, key=_used),
    Rule(
        "documents[].action",
        "documents[].role",
        "SIGN is TO_SIGN, VIEW is ATTACHMENT.",
        _role,
        "Another part uses the document otherwise.",
        _used,
    ),
    Rule("subsequentTo[]", "signingOrder", "SEQUENTIAL where parts wait for each other."),
    Rule("archive.sendSignatureResultsToArchive", "archive.requested", "Unless it is false.", lambda value: value is not False),
    Rule("archive.retentionPeriod", "archive.retentionPeriod", "As it is.", non_empty, "As it was asked for."),
    Rule("archive.archiveId", "archive.archiveId", "As it is.", non_empty, "That of the first part that has one."),
    Rule("archiveId", "archive.archiveId", "As it is.", non_empty, "That within archive comes first."),
    Rule("packageTo[]", "status", _PACKAGES),
    Rule("output.signatures[].resultDocumentId", "signatures[].key", "As it is.", non_empty, key=_made),
    Rule("output.signatures[].resultDocumentId", "documents[].key", "The result is a document too.", non_empty, key=_made),
    Rule("output.signatures[].signatureType", "signatures[].format", "By the table of Signicat's types.", _format, key=_made),
)
_PACKAGE = (
    Rule("output.packages[].resultDocumentId", "signatures[].key", "A package is signed as a whole.", non_empty, key=_made),
    Rule("output.packages[].resultDocumentId", "documents[].key", "A package is a document too.", non_empty, key=_made),
    Rule("output.packages[].packageType", "status", _PACKAGES),
)

RULES = (
    Rule("id", "key", "As it is.", non_empty),
    *_SESSION,
    *_PACKAGE,
    *(rule.below("signingSessions[]") for rule in (*_SESSION, *_PACKAGE)),
    Rule("documentCollection.id", "key", "A session of several parts is known by their collection.", non_empty),
    Rule("documentCollection.packageTo[]", "status", _PACKAGES),
    *(rule.below("documentCollection") for rule in _PACKAGE),
)
