"""HTTP response of a provider: its body as a wire model, and the error for a status that is no success."""

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

_MAX_DETAIL = 300
_MIN_SECRET = 4
_FIRST_BOM_BYTE = BOM_UTF8[:1]
_CODE = re.compile(r"\w[\w.-]{0,63}")
_MAX_CODE_DIGITS = 5
_MAX_MEDIA_TYPE = 127
_MAX_RETRY_AFTER = 1_000
_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~")
"""The characters of an HTTP token (RFC 9110, 5.6.2), in lower case."""
_BY_STATUS: Mapping[int, type[SigningError]] = {
    401: AuthorizationRequired,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    413: TooLarge,
    423: WrongState,
    429: Busy,
}
_PHRASES: Mapping[type[SigningError], str] = {
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
    """A response with its complete body. Header names match in any case."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, into: type[T]) -> T:
        """The body as a wire model. Raises one of ``MALFORMED`` where it is none."""
        return decode(self.body, into)

    def page(self, into: type[T], *path: str) -> T:
        """The body as a model whose list at ``path`` has raw rows, each to be decoded alone. Raises as ``json`` does."""
        return decode_page(self.body, into, *path)


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """A provider's description of a failure: its code, and its own ``detail``, by which adapters distinguish what has no code.

    The detail is never shown: it may name people. ``hint`` is ours, and says what to do.
    """

    code: str | None = None
    detail: str | None = None
    hint: str | None = None


def to_utf8(body: bytes) -> bytes:
    """Converts text that begins with a byte order mark to UTF-8 without one; anything else is left as it is.

    JSON has none (RFC 8259, 8.1), but Windows libraries write one.
    """
    if body[:1] < _FIRST_BOM_BYTE:
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
    """A stream of bytes, with its media type, file name and size by the headers."""
    return Content(
        chunks=chunks,
        media_type=_media_type(headers.get("content-type", "")),
        filename=suggested_filename(headers.get("content-disposition", "")),
        size_bytes=None if "content-encoding" in headers else parse_count(headers.get("content-length", "")),
    )


def _media_type(value: str) -> str:
    """Type and subtype in lower case; ``application/octet-stream`` where the value is malformed."""
    kind = value.partition(";")[0].strip().lower()
    main, slash, sub = kind.partition("/")
    good = len(kind) <= _MAX_MEDIA_TYPE and slash and not (set(main + sub) - _TOKEN) and main and sub
    return kind if good else "application/octet-stream"


def error_for_status(
    provider: str, response: Response, described: ErrorDetail, *, repeatable: bool, secrets: Iterable[str], now: datetime
) -> SigningError:
    """The error for a status that is no success. Its message is ours; ``secrets`` are cut out of the provider's detail."""
    error_class = _error_class(response, repeatable=repeatable)
    secrets = sorted(secrets, key=len, reverse=True)
    detail = _redact(described.detail, secrets)
    phrase = _PHRASES.get(error_class, "refused")
    code = safe_code(_redact(described.code, secrets))
    status = f"HTTP {response.status_code}" if code is None else f"HTTP {response.status_code}, {code}"
    return error_class(
        f"{provider} {phrase} ({status})." if described.hint is None else f"{provider} {phrase} ({status}): {described.hint}.",
        provider=provider,
        provider_code=code,
        status=response.status_code,
        detail=detail,
        retry_after=_retry_after(response, now),
    )


def safe_code(code: str | None) -> str | None:
    """A provider's own code, where it is a short word: too short for an address, a phone number or a date of birth."""
    if code is None or not _CODE.fullmatch(code) or sum(map(str.isdigit, code)) > _MAX_CODE_DIGITS:
        return None
    return code


def _error_class(response: Response, *, repeatable: bool) -> type[SigningError]:
    if response.status_code == 503 and "retry-after" in response.headers:
        return Busy
    if response.status_code in {502, 504} and not repeatable:
        return InDoubt
    if response.status_code >= 500:
        return Unavailable
    if response.status_code < 400:
        return Misbehaved
    return _BY_STATUS.get(response.status_code, Refused)


def _redact(text: str | None, secrets: Iterable[str]) -> str | None:
    if not text:
        return None
    for secret in secrets:
        if len(secret) >= _MIN_SECRET:
            text = text.replace(secret, "***")
    return "".join(char if char.isprintable() else " " for char in text)[:_MAX_DETAIL]


def _retry_after(response: Response, now: datetime) -> float | None:
    """``Retry-After`` in seconds, from a number or a date; the longest where the header is repeated."""
    value = response.headers.get("retry-after", "")[:_MAX_RETRY_AFTER].strip()
    values = [parse_seconds(each) for each in value.split(",")]
    if None not in values:
        return max(filter(None, values), default=values[0])
    until = parse_instant(value) or _parse_date(value)
    return None if until is None else parse_seconds(max(0.0, (until - now).total_seconds()))


def _parse_date(value: str) -> datetime | None:
    """An HTTP date in any of its three formats (RFC 9110, 5.6.7); that of ``asctime`` has no zone and is UTC."""
    try:
        at = parsedate_to_datetime(value)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
