"""Orders: a signature order as the body of a save, and the objections that the server would have to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from providers.decoding.integrity import MAX_KEY
from providers.errors import Invalid
from providers.model import SignatureFormat
from providers.orders import SignatureOrder
from providers.persist.wire import LONGEST_AUTHOR, LONGEST_TEXT, RecordKey, StoredSignature, trimmed
from providers.verification import inspect

_MISSING = frozenset({"", "0"})
"""Texts that PHP treats as missing."""
_FORMATS = frozenset({SignatureFormat.CADES, SignatureFormat.XADES, SignatureFormat.XMLDSIG})


class PersistOptions(BaseModel):
    """Options of ``createSession``: none, as nobody signs at a store."""

    model_config = ConfigDict(extra="forbid")


class PersistParticipantOptions(BaseModel):
    """Options of a participant: none."""

    model_config = ConfigDict(extra="forbid")


def save_body(order: SignatureOrder, key: RecordKey, stored: StoredSignature | None) -> dict[str, object]:
    """The body of a save. Carries over tags, comment and author of the stored version: the server forgets what is not sent."""
    tags = order.tags if order.tags is not None else tuple(str(tag) for tag in (stored.tags if stored else None) or ())
    comment = order.comment if order.comment is not None or stored is None else stored.version_comment
    author = order.created_by if order.created_by is not None or stored is None else stored.version_created_by
    body = {
        **key.query,
        "cms": order.content,
        "version": order.version,
        "version_comment": comment,
        "version_created_by": author,
        "tags": list(dict.fromkeys(trimmed(tag) for tag in tags)),
    }
    return {name: value for name, value in body.items() if value is not None}


def objections(order: SignatureOrder, now: datetime) -> Iterator[Invalid]:
    """Validates an order: yields what the server would refuse or silently change. CPU-bound; makes no call."""
    yield from _check_name("document", order.document)
    yield from _check_name("thread", order.thread)
    yield from _check_key(RecordKey.trimmed(order.document, order.thread))
    yield from _check_text("comment", order.comment, LONGEST_TEXT)
    yield from _check_text("createdBy", order.created_by, LONGEST_AUTHOR)
    for place, tag in enumerate(order.tags or ()):
        if not trimmed(tag):
            yield _invalid("A tag must not be blank.", "tags", str(place))
        yield from _check_text("tags", tag, LONGEST_TEXT, str(place))
    if order.version is not None and order.version < 1:
        yield _invalid("A version is 1 or more; leave it out for the first.", "version")
    reports = inspect(order.content.encode(errors="replace"), now=now)
    if trimmed(order.content) in _MISSING or not any(report.format in _FORMATS for report in reports):
        yield _invalid("This is no signature: send CMS in base64, or signed XML.", "content")


def _check_name(field: str, value: str) -> Iterator[Invalid]:
    if trimmed(value) in _MISSING:
        yield _invalid(f'The {field} must have a name other than "0", which this provider takes for none.', field)
    yield from _check_text(field, value, LONGEST_TEXT)


def _check_key(key: RecordKey) -> Iterator[Invalid]:
    if len(key.session_key) > MAX_KEY:
        longer = max(("document", key.document), ("thread", key.thread), key=lambda part: len(quote(part[1], safe="")))[0]
        yield _invalid(f"Percent-encoded, document and thread have at most {MAX_KEY:,} characters together.", longer)


def _check_text(field: str, value: str | None, longest: int, *below: str) -> Iterator[Invalid]:
    if value is None:
        return
    if len(trimmed(value)) > longest:
        yield _invalid(f"This provider takes at most {longest} characters here.", field, *below)
    if any("\ud800" <= char <= "\udfff" for char in value):
        yield _invalid("This holds half a character, which cannot be sent.", field, *below)


def _invalid(message: str, *path: str) -> Invalid:
    return Invalid(message, path=("input", *path))
