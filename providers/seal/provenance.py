"""What becomes of each field of a batch."""

from __future__ import annotations

from providers.decoding.coercion import instant
from providers.model import SessionStatus
from providers.provenance import Rule, same
from providers.seal.sessions import sealed_key
from providers.seal.wire import STATUSES, named

_RESULT = "A document is SIGNED once its result is true; FAILED where it is not and the batch is closed."
_CLOSED = "A closed batch is as good as its documents: all sealed COMPLETED, none FAILED, else PARTIALLY_COMPLETED."

RULES = (
    Rule("id", "key", "As text.", str),
    Rule(
        "status",
        "status",
        "By the table of SEAL's status names.",
        lambda value: STATUSES.get(str(value).strip().upper(), SessionStatus.UNKNOWN),
        _CLOSED,
    ),
    Rule("status", "providerStatus", "As it is.", lambda value: str(value).strip() or None),
    Rule(
        "creationDate",
        "createdAt",
        "Read as UTC where it names no zone.",
        instant,
        "SEAL's endpoints tell different times of one instant: what was told first stays.",
    ),
    Rule("documents[].fileName", "documents[].key", "Names are unique in a batch.", named, key=lambda item, name: named(name)),
    Rule("documents[].fileName", "documents[].filename", "As it is.", same, key=lambda item, name: named(name)),
    Rule(
        "documents[].fileName",
        "documents[].filename",
        "That of the original.",
        same,
        key=lambda item, name: sealed_key(named(name)),
    ),
    Rule("documents[].signingResult_Success", "documents[].status", _RESULT, key=lambda item, _: named(item.get("fileName"))),
    Rule(
        "documents[].signingResult_Success",
        "signatures[].key",
        "Each sealed document carries a signature.",
        key=lambda item, _: sealed_key(named(item.get("fileName"))),
    ),
    Rule(
        "documents[].signed",
        "documents[].status",
        "Decides where the result is not told.",
        key=lambda item, _: named(item.get("fileName")) if item.get("signingResult_Success") is None else None,
    ),
    Rule("documents[].signingResult_Success", "status", _CLOSED),
)
