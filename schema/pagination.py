"""Pages of lists: what the arguments mean, cursors that hold for one query only, and Relay's page info."""

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
from schema.relay import opened, unkeepable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULT = 20


@strawberry.type
class PageInfo:
    """Where a page stands in its list."""

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
    """Which part of a list: ``limit`` items behind ``after``, or before ``before`` where ``backwards``."""

    limit: int
    after: str | None
    before: str | None
    backwards: bool

    def page_info(self, cursors: list[str], *, more: bool) -> PageInfo:
        """The page info of what was found; ``more`` in the direction of reading."""
        return PageInfo(
            has_next_page=self.before is not None if self.backwards else more,
            has_previous_page=more if self.backwards else self.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


def window(first: int | None, after: str | None, last: int | None, before: str | None, *, most: int) -> Window:
    """What the four arguments of a connection ask for. Raises ``Invalid``."""
    if first is not None and last is not None:
        raise Invalid("Ask for first or for last, not for both.", path=("first",))
    for name, value in (("first", first), ("last", last)):
        if value is not None and not 0 <= value <= most:
            raise Invalid(f"Ask for {name} between 0 and {most} here. Read on with a cursor.", path=(name,))
    limit = first if first is not None else last
    return Window(min(_DEFAULT, most) if limit is None else limit, after, before, last is not None)


def fingerprint(*parts: Any) -> str:
    """What a cursor has to be made for: the same list in the same order."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()


def cursor(query: str, at: datetime, *keys: str) -> str:
    """A cursor behind an item of this query."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(msgspec.json.encode(_Cursor(query, micros, list(keys)))).rstrip(b"=").decode()


def position(text: str, query: str, name: str, keys: int) -> tuple[datetime, list[str]]:
    """Where a cursor stands. Raises ``Invalid`` for one that this query did not give."""
    try:
        found = msgspec.json.decode(opened(text), type=_Cursor)
        at = _EPOCH + timedelta(microseconds=found.at)
        if any(map(unkeepable, found.keys)):
            raise ValueError("a key that nothing has")
    except (Base64Error, ValueError, OverflowError, RecursionError):
        raise Invalid("This is no cursor of this gateway.", path=(name,)) from None
    if found.query != query or len(found.keys) != keys:
        raise Invalid("This cursor belongs to another query. Keep filter and order the same, or begin anew.", path=(name,))
    return at, found.keys
