"""Response memos: a response equal to the last one is not decoded and compared again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from providers.lru import LruCache
from providers.model import Session, SessionRef
from providers.model.change import is_unchanged

T = TypeVar("T")

_MAX_ENTRIES = 10_000


class UnchangedResponses:
    """Remembers the payloads that left a session unchanged: the same payloads do so again, while it is the same session.

    Presumes that a session follows from its payloads and its previous state alone, and from the time only by becoming overdue.
    """

    def __init__(self, max_entries: int = _MAX_ENTRIES) -> None:
        self._cached: LruCache[SessionRef, tuple[bytes, Session]] = LruCache(max_entries)

    def is_unchanged(self, previous: Session, payloads: Sequence[bytes], now: datetime) -> bool:
        """Whether decoding these payloads would give the ``previous`` session again."""
        cached = self._cached.peek(previous.ref)
        if cached is None or _overdue(previous, now):
            return False
        return cached[0] == _digest(payloads) and is_unchanged(cached[1], previous)

    def record(self, previous: Session | None, current: Session, payloads: Sequence[bytes]) -> None:
        """Records that these payloads turned the ``previous`` session into the ``current`` one."""
        if previous is None or not is_unchanged(previous, current):
            self._cached.discard(current.ref)
            return
        self._cached.put(current.ref, (_digest(payloads), current))


class ResponseMemo(Generic[T]):
    """Memo of the last response and the value made of it, which is reused while the same request gets the same response.

    The value has to follow from request and response alone, and must not be mutated.
    """

    def __init__(self) -> None:
        self._last: tuple[Hashable, object, T] | None = None

    def get_or_make(self, request: Hashable, response: object, make: Callable[[], T]) -> T:
        """The value of this response: the remembered one, or that of ``make``."""
        last = self._last
        if last is None or last[:2] != (request, response):
            last = self._last = request, response, make()
        return last[2]


def _overdue(session: Session, now: datetime) -> bool:
    return session.due_at is not None and session.due_at <= now and not session.final


def _digest(payloads: Sequence[bytes]) -> bytes:
    """SHA-256, for which processors have instructions; for several payloads, that of their digests."""
    if len(payloads) == 1:
        return hashlib.sha256(payloads[0]).digest()
    combined = hashlib.sha256()
    for each in payloads:
        combined.update(hashlib.sha256(each).digest())
    return combined.digest()
