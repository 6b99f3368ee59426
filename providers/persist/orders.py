"""What the server would refuse, or silently change, in a signature that somebody asks it to keep."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from providers.errors import Invalid
from providers.model import SignatureFormat
from providers.orders import SignatureOrder
from providers.persist.wire import LONGEST_AUTHOR, LONGEST_TEXT, TRIMMED
from providers.verification import inspect

_MISSING = frozenset({"", "0"})
"""PHP takes the text ``0`` for nothing."""
_FORMATS = frozenset({SignatureFormat.CADES, SignatureFormat.XADES, SignatureFormat.XMLDSIG})


def objections(order: SignatureOrder, now: datetime) -> Iterator[Invalid]:
    """Everything that is wrong with an order. Takes processor time; asks nobody."""
    yield from _name("document", order.document)
    yield from _name("thread", order.thread)
    yield from _length("comment", order.comment, LONGEST_TEXT)
    yield from _length("createdBy", order.created_by, LONGEST_AUTHOR)
    for place, tag in enumerate(order.tags or ()):
        if not trimmed(tag):
            yield _invalid("A tag must not be blank.", "tags", str(place))
        yield from _length("tags", tag, LONGEST_TEXT, str(place))
    if order.version is not None and order.version < 1:
        yield _invalid("A version is 1 or more; leave it out for the first.", "version")
    reports = inspect(order.content.encode(errors="replace"), now=now)
    if trimmed(order.content) in _MISSING or not any(report.format in _FORMATS for report in reports):
        yield _invalid("This is no signature: send CMS in base64, or signed XML.", "content")


def trimmed(text: str) -> str:
    """A text as the server keeps it."""
    return text.strip(TRIMMED)


def _name(field: str, value: str) -> Iterator[Invalid]:
    if trimmed(value) in _MISSING:
        yield _invalid(f'The {field} must have a name other than "0", which this provider takes for none.', field)
    yield from _length(field, value, LONGEST_TEXT)


def _length(field: str, value: str | None, longest: int, *below: str) -> Iterator[Invalid]:
    if value is None:
        return
    if len(trimmed(value)) > longest:
        yield _invalid(f"This provider takes at most {longest} characters here.", field, *below)
    if any("\ud800" <= char <= "\udfff" for char in value):
        yield _invalid("This holds half a character, which cannot be sent.", field, *below)


def _invalid(message: str, *path: str) -> Invalid:
    return Invalid(message, path=("input", *path))
