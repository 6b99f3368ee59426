"""A provider's answer: what its headers say, and what one that is no success means."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from providers.decoding.coercion import parse_count, parse_instant, parse_seconds
from providers.decoding.json import decode, decode_page
from providers.errors import (
    AuthorizationRequired,
    Busy,
    Conflict,
    InDoubt,
    Misbehaved,
    NotFound,
    Refused,
    SigningError,
    TooLarge,
    Unavailable,
    WrongState,
)
from providers.http.message.content_disposition import suggested_filename
from providers.model import Content

T = TypeVar("T")

_DETAIL_LENGTH = 300
_SHORTEST_SECRET = 4
_FIRST_OF_MARKS = BOM_UTF8[:1]
_CODE = re.compile(r"\w[\w.-]{0,63}")
_MOST_CODE_DIGITS = 5
_MEDIA_TYPE_LENGTH = 127
_RETRY_AFTER_CHARACTERS = 1_000
_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~")
"""What a token of HTTP is made of (RFC 9110, 5.6.2), capitals aside."""
_BY_STATUS: Mapping[int, type[SigningError]] = {
    401: AuthorizationRequired,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    413: TooLarge,
    423: WrongState,
    429: Busy,
}
_PHRASE: Mapping[type[SigningError], str] = {
    AuthorizationRequired: "does not accept the gateway's credentials",
    Busy: "asks for patience",
    Conflict: "says that this conflicts with its present state",
    Misbehaved: "answered what was not asked for",
    NotFound: "has no such thing",
    TooLarge: "says that this is too large",
    Unavailable: "failed",
}


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. Header names match in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, into: type[T]) -> T:
        """The body as a wire model; raises one of ``decoding.MALFORMED`` where it is none."""
        return decode(self.body, into)

    def page(self, into: type[T], *path: str) -> T:
        """The body as a model whose list at ``path`` has raw rows, each to be decoded alone. Raises as ``json`` does."""
        return decode_page(self.body, into, *path)


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """What a provider says of a failure: its code, and its own words, which tell adapters apart what no code does.

    Words are never shown: they may name people. ``hint`` is ours, and says what to do.
    """

    code: str | None = None
    detail: str | None = None
    hint: str | None = None


def to_utf8(body: bytes) -> bytes:
    """Text as UTF-8 without a byte order mark, where it begins with one of UTF-8 or UTF-16; anything else as it is.

    JSON has none (RFC 8259, 8.1), but libraries of Windows write it, and readers may overlook it.
    """
    if body[:1] < _FIRST_OF_MARKS:
        return body
    if body.startswith(BOM_UTF8):
        return body[len(BOM_UTF8) :]
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        try:
            return body.decode("utf-16").encode()
        except UnicodeError:
            return body
    return body


def content_from_headers(headers: Mapping[str, str], chunks: AsyncIterator[bytes]) -> Content:
    """What the headers say of bytes that are still on their way."""
    return Content(
        chunks=chunks,
        media_type=_media_type(headers.get("content-type", "")),
        filename=suggested_filename(headers.get("content-disposition", "")),
        size_bytes=None if "content-encoding" in headers else parse_count(headers.get("content-length", "")),
    )


def _media_type(value: str) -> str:
    """Type and subtype alone, in lower case; that of any bytes where they are none."""
    kind = value.partition(";")[0].strip().lower()
    main, slash, sub = kind.partition("/")
    good = len(kind) <= _MEDIA_TYPE_LENGTH and slash and not (set(main + sub) - _TOKEN) and main and sub
    return kind if good else "application/octet-stream"


def error_for_status(
    provider: str, reply: Response, fault: ErrorDetail, *, repeatable: bool, secrets: Iterable[str], now: datetime
) -> SigningError:
    """The error for an answer that is no success. Its message is ours; ``secrets`` are kept out of the provider's words."""
    kind = _kind(reply, repeatable=repeatable)
    secrets = sorted(secrets, key=len, reverse=True)
    detail = _clean(fault.detail, secrets)
    phrase = _PHRASE.get(kind, "refused")
    code = safe_code(_clean(fault.code, secrets))
    what = f"HTTP {reply.status}" if code is None else f"HTTP {reply.status}, {code}"
    return kind(
        f"{provider} {phrase} ({what})." if fault.hint is None else f"{provider} {phrase} ({what}): {fault.hint}.",
        provider=provider,
        provider_code=code,
        status=reply.status,
        detail=detail,
        retry_after=_retry_after(reply, now),
    )


def safe_code(code: str | None) -> str | None:
    """A provider's own code, where it is one: a short word, in which nobody's address, number or day of birth can be."""
    if code is None or not _CODE.fullmatch(code) or sum(map(str.isdigit, code)) > _MOST_CODE_DIGITS:
        return None
    return code


def _kind(reply: Response, *, repeatable: bool) -> type[SigningError]:
    if reply.status == 503 and "retry-after" in reply.headers:
        return Busy
    if reply.status in {502, 504} and not repeatable:
        return InDoubt
    if reply.status >= 500:
        return Unavailable
    if reply.status < 400:
        return Misbehaved
    return _BY_STATUS.get(reply.status, Refused)


def _clean(words: str | None, secrets: Iterable[str]) -> str | None:
    if not words:
        return None
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            words = words.replace(secret, "***")
    return "".join(char if char.isprintable() else " " for char in words)[:_DETAIL_LENGTH]


def _retry_after(reply: Response, now: datetime) -> float | None:
    """The seconds to wait: as a number or a date, and where the header came several times, the longest of all."""
    value = reply.headers.get("retry-after", "")[:_RETRY_AFTER_CHARACTERS].strip()
    stated = [parse_seconds(each) for each in value.split(",")]
    if None not in stated:
        return max(filter(None, stated), default=stated[0])
    until = parse_instant(value) or _date(value)
    return None if until is None else parse_seconds(max(0.0, (until - now).total_seconds()))


def _date(value: str) -> datetime | None:
    """A date of HTTP in any of its three forms (RFC 9110, 5.6.7), of which that of C's ``asctime`` names no zone: it is UTC."""
    try:
        at = parsedate_to_datetime(value)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
