"""Keyset pagination: arguments of connections, cursors that are bound to one query, and Relay's page info.

https://relay.dev/graphql/connections.htm
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import strawberry

from providers.errors import Invalid
from schema.relay import decode_opaque, has_nul

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULT_LIMIT = 20


@strawberry.type
class PageInfo:
    """Position of a page in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    query: str
    at: int
    keys: list[str]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a list: ``limit`` items behind ``after``, or ahead of ``before`` where ``backwards``."""

    limit: int
    after: str | None
    before: str | None
    backwards: bool

    def page_info(self, cursors: list[str], *, more: bool) -> PageInfo:
        """The page info of these cursors; ``more`` says that there are further items in the direction of reading."""
        return PageInfo(
            has_next_page=self.before is not None if self.backwards else more,
            has_previous_page=more if self.backwards else self.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


def window(first: int | None, after: str | None, last: int | None, before: str | None, *, most: int) -> Window:
    """The window of a connection's four arguments. Raises ``Invalid``."""
    if first is not None and last is not None:
        raise Invalid("Ask for first or for last, not for both.", path=("first",))
    for name, value in (("first", first), ("last", last)):
        if value is not None and not 0 <= value <= most:
            raise Invalid(f"Ask for {name} between 0 and {most} here. Read on with a cursor.", path=(name,))
    limit = first if first is not None else last
    return Window(min(_DEFAULT_LIMIT, most) if limit is None else limit, after, before, last is not None)


def fingerprint(*parts: Any) -> str:
    """Fingerprint of a query: a cursor holds for the same list in the same order."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()


def cursor(query: str, at: datetime, *keys: str) -> str:
    """The cursor of an item, by its time and keys."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(msgspec.json.encode(_Cursor(query, micros, list(keys)))).rstrip(b"=").decode()


def position(text: str, query: str, name: str, keys: int) -> tuple[datetime, list[str]]:
    """The time and keys of a cursor. Raises ``Invalid`` for one of another query."""
    try:
        decoded = msgspec.json.decode(decode_opaque(text), type=_Cursor)
        at = _EPOCH + timedelta(microseconds=decoded.at)
        if any(map(has_nul, decoded.keys)):
            raise ValueError("a key that nothing has")
    except (Base64Error, ValueError, OverflowError, RecursionError):
        raise Invalid("This is no cursor of this gateway.", path=(name,)) from None
    if decoded.query != query or len(decoded.keys) != keys:
        raise Invalid("This cursor belongs to another query. Keep filter and order the same, or begin anew.", path=(name,))
    return at, decoded.keys
