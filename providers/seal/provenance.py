"""Provenance: rules that tell which field of a batch each field of a session comes from."""

from __future__ import annotations

from collections.abc import Mapping

from providers.decoding.coercion import parse_instant
from providers.model import SessionStatus
from providers.provenance import Json, Rule, non_empty
from providers.seal.sessions import sealed_key
from providers.seal.wire import STATUSES, document_key

_RESULT = "A document is SIGNED once its result is true; FAILED where it is not and the batch is closed."
_CLOSED = "A closed batch is as good as its documents: all sealed COMPLETED, none FAILED, else PARTIALLY_COMPLETED."


def _original(item: Mapping[str, Json], value: Json) -> str:
    return document_key(item.get("fileName"))


def _sealed(item: Mapping[str, Json], value: Json) -> str:
    return sealed_key(_original(item, value))


def _unsettled(item: Mapping[str, Json], value: Json) -> str | None:
    return _original(item, value) if item.get("signingResult_Success") is None else None


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
        parse_instant,
        "SEAL's endpoints tell different times of one instant: what was told first stays.",
    ),
    Rule(
        "documents[].fileName",
        "documents[].key",
        "Names are unique in a batch.",
        document_key,
        key=_original,
    ),
    Rule("documents[].fileName", "documents[].filename", "As it is.", non_empty, key=_original),
    Rule(
        "documents[].fileName",
        "documents[].filename",
        "That of the original.",
        non_empty,
        key=_sealed,
    ),
    Rule(
        "documents[].signingResult_Success",
        "documents[].status",
        _RESULT,
        key=_original,
    ),
    Rule(
        "documents[].signingResult_Success",
        "signatures[].key",
        "Each sealed document carries a signature.",
        key=_sealed,
    ),
    Rule(
        "documents[].signed",
        "documents[].status",
        "Decides where the result is not told.",
        key=_unsettled,
    ),
    Rule("documents[].signingResult_Success", "status", _CLOSED),
)
