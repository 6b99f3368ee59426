"""Cursors of the event log: opaque to clients; to us a number, and a mark of the event that has it.

A number alone is read as another place once a backup was restored: the log is shorter then, and grows past the number with
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
_LONGEST: Final = 64
_HIGHEST: Final = 2**63 - 1
_DIGITS: Final = len(str(_HIGHEST))


@dataclass(frozen=True, slots=True)
class EventCursor:
    """A place in the event log, behind the event ``seq``; 0 is before the first.

    Cursors that former builds gave out have no ``mark``.
    """

    seq: int
    mark: int | None = None

    def __str__(self) -> str:
        """For clients. To former builds it is a number beyond every log, so that they refuse it as expired."""
        mark = "" if self.mark is None else f"{self.mark:0{_DIGITS}}"
        return urlsafe_b64encode(b"%s%d%s" % (_PREFIX, self.seq, mark.encode())).rstrip(b"=").decode()


def event_mark(epoch: str | None, *event: object) -> int:
    """The mark of an event by what never changes in it, in the log of an epoch; always of the same length when written."""
    told = "\0".join(str(each) for each in event)
    digest = hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8, key=(epoch or "").encode()).digest()
    return int.from_bytes(digest) & _HIGHEST


def parse_event_cursor(text: str | None, path: Sequence[str] = ("after",)) -> EventCursor | None:
    """The place that a cursor stands for. Raises ``Invalid`` for one that no gateway made."""
    if text is None:
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= _LONGEST else b""
        prefix, digits = raw[: len(_PREFIX)], raw[len(_PREFIX) :]
        if prefix == _PREFIX and digits.isdigit():
            return _read(digits)
    except (Base64Error, ValueError):
        pass
    raise Invalid("This is no cursor of this gateway. Use one that it gave you, or none.", path=path)


def parse_event_id(key: str, path: Sequence[str]) -> int:
    """The number in the id of an event. Raises ``Invalid``."""
    if key.isascii() and key.isdigit() and len(key) < _DIGITS:
        return int(key)
    raise Invalid("This is no id of this gateway. Use an id that it gave you.", path=path)


def _read(digits: bytes) -> EventCursor:
    """A number, and behind it a mark where there is room for one: what is too high for the log is in no log."""
    if len(digits) <= _DIGITS:
        return EventCursor(min(int(digits), _HIGHEST))
    return EventCursor(min(int(digits[:-_DIGITS]), _HIGHEST), min(int(digits[-_DIGITS:]), _HIGHEST))
