"""Negative cache: sessions that a provider has said it does not have, so that it is not asked for each of them again."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import Final

from providers.clock import Clock
from providers.errors import NotFound
from providers.model import SessionRef

_MOST: Final = 10_000
_LONGEST: Final = 60.0


class UnknownSessions:
    """An LRU cache of refusals with a TTL: as long as what is known of an open session counts as fresh, a minute at most."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._found: OrderedDict[SessionRef, tuple[float, NotFound]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def require_possible(self, ref: SessionRef, max_age: timedelta | None) -> None:
        """Raises ``NotFound`` where the provider has said so within ``max_age``."""
        found = self._found.get(ref)
        if found is None:
            return
        at, error = found
        ttl = min(self._seconds if max_age is None else max_age.total_seconds(), _LONGEST)
        if self._clock.monotonic() - at < ttl:
            raise NotFound(
                error.message, path=error.path, provider=error.provider, provider_code=error.provider_code, status=error.status
            )

    def add(self, ref: SessionRef, error: NotFound) -> None:
        """Notes that the provider does not have a session."""
        self._found[ref] = (self._clock.monotonic(), error.with_traceback(None))
        self._found.move_to_end(ref)
        if len(self._found) > _MOST:
            self._found.popitem(last=False)

    def discard(self, ref: SessionRef) -> None:
        """Forgets it: the session has been seen."""
        self._found.pop(ref, None)
