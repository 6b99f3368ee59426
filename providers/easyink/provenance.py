"""Provenance: rules that tell which field of EasyInk's drafts, views and rows each field of a session comes from."""

from __future__ import annotations

from collections.abc import Mapping

from providers.decoding.coercion import parse_instant
from providers.easyink import wire
from providers.easyink.sessions import ALL_IN_ONE, signed_key
from providers.model import DocumentStatus, ParticipantRole, ParticipantStatus, SessionStatus, SigningOrder
from providers.provenance import Json, Rule, lookup, non_empty

_KNOWN = "What was told when it was made."
_STAGE = (
    "EasyInk calls everyone Pending who has not acted: nobody is invited before the session starts or before their turn, and"
    " everyone is EXPIRED when it is."
)
_NAME = "First, middle and last name together."
_Item = Mapping[str, Json]


def _document(item: _Item, value: Json) -> str | None:
    return item.get("documentId") or item.get("id")


def _attachment(item: _Item, value: Json) -> str | None:
    return item.get("attachmentId") or item.get("documentId") or item.get("id")


def _person(item: _Item, value: Json) -> str | None:
    return item.get("participantId") or item.get("id")


def _result(item: _Item, value: Json) -> str | None:
    return signed_key(item["signedDocumentId"]) if item.get("signedDocumentId") else None


def _all_in_one(item: _Item, value: Json) -> str | None:
    return ALL_IN_ONE


def _field(item: _Item, value: Json) -> str | None:
    return item.get("id")


_document_status = lookup(wire.DOCUMENT_STATUS, DocumentStatus.UNKNOWN)

_SESSION = (
    Rule("signingSessionId", "key", "As it is.", non_empty),
    Rule("id", "key", "As it is.", non_empty),
    Rule("subject", "title", "As it is.", non_empty),
    Rule("created", "createdAt", "Read as UTC where it names no zone.", parse_instant, _KNOWN),
    Rule("status", "status", "By the table of EasyInk's words.", lookup(wire.SESSION_STATUS, SessionStatus.UNKNOWN)),
    Rule("status", "providerStatus", "As it is.", non_empty),
    Rule("reminderFrequency", "reminderFrequency", "By the table of EasyInk's words.", lookup(wire.REMINDER, None)),
    Rule(
        "signingOrderSettings.type",
        "signingOrder",
        "By the table of EasyInk's words.",
        lookup(wire.SIGNING_ORDER, SigningOrder.PARALLEL),
    ),
    Rule(
        "signingOrderSettings.participantsOrder[]",
        "participants[].order",
        "The place in the list, from 1.",
        key=lambda item, value: value,
    ),
)
_DOCUMENTS = (
    *(Rule(f"documents[].{name}", "documents[].key", "As it is.", non_empty, key=_document) for name in ("id", "documentId")),
    Rule("documents[].title", "documents[].title", "As it is.", non_empty, _KNOWN, _document),
    Rule("documents[].status", "documents[].status", "By the table of EasyInk's words.", _document_status, key=_document),
    Rule("documents[].status", "documents[].providerStatus", "As it is.", non_empty, key=_document),
    *(
        Rule(f"attachments[].{name}", "documents[].key", "As it is.", non_empty, "Another member has its id.", _attachment)
        for name in ("attachmentId", "documentId", "id")
    ),
    Rule("attachments[].title", "documents[].title", "As it is.", non_empty, _KNOWN, _attachment),
    Rule(
        "attachments[].status",
        "documents[].status",
        "By the table of EasyInk's words.",
        _document_status,
        "An attachment without a status is not waited for.",
        _attachment,
    ),
    Rule("attachments[].status", "documents[].providerStatus", "As it is.", non_empty, key=_attachment),
    Rule("signedDocuments[].signedDocumentId", "documents[].key", "Apart from that of its original.", signed_key, key=_result),
    Rule("signedDocuments[].title", "documents[].title", "As it is.", non_empty, key=_result),
    Rule("signedDocuments[].processingStatus", "documents[].status", "By the table.", _document_status, key=_result),
    Rule("signedDocuments[].processingStatus", "documents[].providerStatus", "As it is.", non_empty, key=_result),
    Rule("signedDocuments[].processingStatus", "signatures[].key", "What is ready carries a signature.", key=_result),
    Rule("allInOneDocument.title", "documents[].title", "As it is.", non_empty, key=_all_in_one),
    Rule("allInOneDocument.status", "documents[].status", "By the table.", _document_status, key=_all_in_one),
    Rule("allInOneDocument.status", "documents[].providerStatus", "As it is.", non_empty, key=_all_in_one),
)
_PEOPLE = (
    *(
        Rule(f"participants[].{name}", "participants[].key", "As it is.", non_empty, key=_person)
        for name in ("id", "participantId")
    ),
    Rule(
        "participants[].role", "participants[].role", "By the table.", lookup(wire.ROLE, ParticipantRole.UNKNOWN), key=_person
    ),
    Rule(
        "participants[].status",
        "participants[].status",
        "By the table of EasyInk's words.",
        lookup(wire.PARTICIPANT_STATUS, ParticipantStatus.UNKNOWN),
        _STAGE,
        _person,
    ),
    Rule("participants[].status", "participants[].providerStatus", "As it is.", non_empty, key=_person),
    *(
        Rule(f"participants[].{name}", f"participants[].{name}", "As it is.", non_empty, "Kept as it is told.", _person)
        for name in ("firstName", "middleName", "lastName", "email", "phone")
    ),
    *(
        Rule(f"participants[].{name}", "participants[].displayName", _NAME, key=_person)
        for name in ("firstName", "middleName", "lastName")
    ),
    Rule("participants[].language", "participants[].language", "By the table.", lookup(wire.LANGUAGE, None), key=_person),
    Rule("participants[].deliveryMethods[]", "participants[].deliveryMethods", "Each by the table.", key=_person),
    Rule(
        "participants[].signedAt", "participants[].signedAt", "Read as UTC where it names no zone.", parse_instant, key=_person
    ),
    Rule("participants[].signedAt", "completedAt", "The last of all, once the session is finished."),
)
_PLACED = {"page": "page", "positionX": "x", "positionY": "y", "sizeX": "width", "sizeY": "height"}
_FIELDS = (
    Rule("signatureFields[].id", "fields[].key", "As it is.", non_empty, key=_field),
    Rule("signatureFields[].documentId", "fields[].document", "The document by its key.", non_empty, key=_field),
    Rule("signatureFields[].participantId", "fields[].participant", "The participant by their key.", non_empty, key=_field),
    Rule("signatureFields[].dependsOn", "fields[].dependsOn", "The other field by its key.", non_empty, key=_field),
    Rule("signatureFields[].field.type", "fields[].type", "As it is.", non_empty, key=_field),
    *(
        Rule(f"signatureFields[].field.placement.{theirs}", f"fields[].{ours}", "As it is.", non_empty, key=_field)
        for theirs, ours in _PLACED.items()
    ),
    Rule("signatureFields[].field.options.isRequired", "fields[].required", "Unless it is true, it is not.", bool, key=_field),
)

RULES = (*_SESSION, *_DOCUMENTS, *_PEOPLE, *_FIELDS)
