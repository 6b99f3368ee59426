"""Event cursor: an opaque position in the event log, made of an event's number and a mark of the event.

A number alone means another position once a backup was restored: the log is shorter then, and grows past the number with
other events. The mark is a digest of the event, keyed with the log's epoch, so that a cursor names one event of one log.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from providers.errors import Invalid

_PREFIX: Final = b"event:"
_MAX_LENGTH: Final = 64
_MAX_NUMBER: Final = 2**63 - 1
_DIGITS: Final = len(str(_MAX_NUMBER))


@dataclass(frozen=True, slots=True)
class EventCursor:
    """Position behind the event ``seq``; 0 is before the first. Cursors of former builds have no ``mark``."""

    seq: int
    mark: int | None = None

    def __str__(self) -> str:
        """Encodes it for clients. Former builds read a number beyond every log, and refuse it as expired."""
        mark = "" if self.mark is None else f"{self.mark:0{_DIGITS}}"
        return urlsafe_b64encode(b"%s%d%s" % (_PREFIX, self.seq, mark.encode())).rstrip(b"=").decode()


def event_mark(epoch: str | None, *event: object) -> int:
    """The mark of an event: a keyed digest of its columns that never change. It is written with a fixed number of digits."""
    content = "\0".join(str(each) for each in event)
    digest = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8, key=(epoch or "").encode()).digest()
    return int.from_bytes(digest) & _MAX_NUMBER


def parse_event_cursor(text: str | None, path: Sequence[str] = ("after",)) -> EventCursor | None:
    """Decodes a client's cursor. Raises ``Invalid`` for one that no gateway encoded."""
    if text is None:
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= _MAX_LENGTH else b""
        prefix, digits = raw[: len(_PREFIX)], raw[len(_PREFIX) :]
        if prefix == _PREFIX and digits.isdigit():
            return _parse_digits(digits)
    except (Base64Error, ValueError):
        pass
    raise Invalid("This is no cursor of this gateway. Use one that it gave you, or none.", path=path)


def parse_event_id(key: str, path: Sequence[str]) -> int:
    """The number in an event's id. Raises ``Invalid``."""
    if key.isascii() and key.isdigit() and len(key) < _DIGITS:
        return int(key)
    raise Invalid("This is no id of this gateway. Use an id that it gave you.", path=path)


def _parse_digits(digits: bytes) -> EventCursor:
    """A number, followed by a mark where there are digits for one. A number that is too high is clamped: no log has it."""
    if len(digits) <= _DIGITS:
        return EventCursor(min(int(digits), _MAX_NUMBER))
    return EventCursor(min(int(digits[:-_DIGITS]), _MAX_NUMBER), min(int(digits[-_DIGITS:]), _MAX_NUMBER))
