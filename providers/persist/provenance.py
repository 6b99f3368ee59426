"""Provenance: rules that tell which field of a stored signature each field of a session comes from."""

from __future__ import annotations

from providers.decoding.coercion import parse_instant
from providers.persist.sessions import signature_file, text
from providers.provenance import Json, Rule, non_empty

_INSIDE = "Read out of the signature itself."
_KEY = "Document and thread, each percent-encoded, joined by a slash."
_OLDER = "The member's older name."

_PRESENT = (
    Rule("document", "title", "As it is.", non_empty),
    Rule("document", "key", _KEY),
    Rule("thread", "reference", "As it is."),
    Rule("thread", "key", _KEY),
    Rule("chain", "key", f"{_OLDER} {_KEY}"),
    Rule("version", "signatures[0].version", "As a number."),
    Rule("version_comment", "signatures[0].comment", "As text.", text),
    Rule("version_created_by", "signatures[0].createdBy", "As text.", text),
    Rule("tags[]", "signatures[0].tags", "Each once, in their order."),
    *(
        Rule("created_at", field, "Read as UTC, which it does not say.", parse_instant)
        for field in ("createdAt", "completedAt", "documents[0].createdAt", "signatures[0].createdAt")
    ),
    Rule("updated_at", "signatures[0].updatedAt", "Read as UTC, which it does not say.", parse_instant),
)


def _media_type(value: Json) -> str:
    return signature_file(value or "").media_type


def _size_bytes(value: Json) -> int:
    return len(signature_file(value or "").content)


def _content(native: str) -> tuple[Rule, ...]:
    return (
        Rule(native, "documents[0].mediaType", "CMS where it is DER, else XML.", _media_type),
        Rule(
            native,
            "documents[0].sizeBytes",
            "Of the bytes behind the base64.",
            _size_bytes,
        ),
        Rule(native, "documents[0].sha256", "Of the bytes behind the base64."),
        Rule(native, "signatures[0].format", _INSIDE),
        Rule(native, "signatures[0].signedAt", _INSIDE),
        *(
            Rule(native, f"participants[].{field}", "Read out of the signer's certificate.")
            for field in ("key", "displayName", "email")
        ),
        Rule(native, "participants[].signedAt", _INSIDE),
    )


RULES = (*_PRESENT, *_content("cms"), *_content("signature"))
