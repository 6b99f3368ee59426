"""Readings that come to nothing new: what a provider answers most often, when it is asked again, is what it answered before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from providers.change import is_unchanged
from providers.lru import LruCache
from providers.model import Session, SessionRef

T = TypeVar("T")

_MOST = 10_000


class UnchangedResponses:
    """Remembers which payloads made of a session what it was already: they will again, while it is still that.

    It has to follow from its payloads and from what was known of it alone, and from the time only in that it may be overdue.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._settled: LruCache[SessionRef, tuple[bytes, Session]] = LruCache(most)

    def is_unchanged(self, known: Session, payloads: Sequence[bytes], now: datetime) -> bool:
        """Whether reading these anew would give the session that is known."""
        found = self._settled.peek(known.ref)
        if found is None or _overdue(known, now):
            return False
        return found[0] == _digest(payloads) and is_unchanged(found[1], known)

    def record(self, known: Session | None, seen: Session, payloads: Sequence[bytes]) -> None:
        """These have made the second of the first."""
        if known is None or not is_unchanged(known, seen):
            self._settled.discard(seen.ref)
            return
        self._settled.put(seen.ref, (_digest(payloads), seen))


class ResponseMemo(Generic[T]):
    """The last answer to a question, and what was made of it: the same again, where it is answered so again.

    What is made has to follow from the question and the answer alone, and must not change.
    """

    def __init__(self) -> None:
        self._last: tuple[Hashable, object, T] | None = None

    def get_or_make(self, question: Hashable, answer: object, make: Callable[[], T]) -> T:
        """What ``make`` makes of an answer, or has made of it."""
        last = self._last
        if last is None or last[:2] != (question, answer):
            last = self._last = question, answer, make()
        return last[2]


def _overdue(session: Session, now: datetime) -> bool:
    return session.due_at is not None and session.due_at <= now and not session.final


def _digest(payloads: Sequence[bytes]) -> bytes:
    """SHA-256, for which processors have instructions; of several, that of theirs."""
    if len(payloads) == 1:
        return hashlib.sha256(payloads[0]).digest()
    made = hashlib.sha256()
    for each in payloads:
        made.update(hashlib.sha256(each).digest())
    return made.digest()
