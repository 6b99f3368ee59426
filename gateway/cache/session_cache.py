"""Sessions close at hand: bounded, short-lived, and dropped when something changes."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from aiocache import SimpleMemoryCache

from gateway.config import FreshnessSettings
from gateway.store import Stored
from providers.model import Session, SessionRef

_NEVER = datetime.min.replace(tzinfo=UTC)
_NOTHING: Final[tuple[Stored | None, float]] = (None, 0.0)


class _Memory(SimpleMemoryCache):  # type: ignore[misc]
    """aiocache's memory, used at once: plugins and timeouts, of which there are none here, would cost 10 µs a look.

    What is past its time is found so when somebody looks; a timer for each would cost more than to keep it.
    """

    def look(self, ref: SessionRef) -> Stored | None:
        """What is held, if it is."""
        stored, until = self._cache.get(ref, _NOTHING)
        return stored if until > monotonic() else None

    def hold(self, ref: SessionRef, stored: Stored, seconds: float) -> None:
        """Holds it for so long."""
        self._cache[ref] = stored, monotonic() + seconds

    def forget(self, ref: SessionRef) -> None:
        """Holds it no longer."""
        self._cache.pop(ref, None)


class SessionCache:
    """The newest known state of the sessions that were asked for last.

    aiocache's memory backend knows no bound, so the least recently used are evicted here.
    """

    def __init__(self, freshness: FreshnessSettings, *, most: int = 10_000) -> None:
        self._freshness = freshness
        self._most = most
        self._memory = _Memory()
        self._used: OrderedDict[SessionRef, None] = OrderedDict()
        self._floors: OrderedDict[SessionRef, int] = OrderedDict()

    def get(self, ref: SessionRef) -> Session | None:
        """The session, if it is here."""
        held = self.stored(ref)
        return held.session if held else None

    def stored(self, ref: SessionRef) -> Stored | None:
        """The session and its version, if they are here."""
        stored = self._memory.look(ref)
        if stored is not None:
            self._used.move_to_end(ref)
        return stored

    def put(self, stored: Stored) -> None:
        """Keeps a session, an open one for seconds, a final one for long, unless a newer state of it is here."""
        session, ref = stored.session, stored.session.ref
        held = self._memory.look(ref)
        if (held and _order(held) > _order(stored)) or stored.version < self._floors.get(ref, 0):
            return
        life = self._freshness.final if session.settled else self._freshness.open
        if life <= 0:
            self.drop(ref)
            return
        self._memory.hold(ref, stored, life)
        self._used[ref] = None
        self._used.move_to_end(ref)
        if len(self._used) > self._most:
            oldest, _ = self._used.popitem(last=False)
            self._memory.forget(oldest)

    def drop(self, ref: SessionRef, before: int | None = None) -> None:
        """Forgets a session, or only what it was before it had this version; that is not taken again either."""
        if before is not None:
            self._floors[ref] = before
            self._floors.move_to_end(ref)
            if len(self._floors) > self._most:
                self._floors.popitem(last=False)
            if (held := self.stored(ref)) and held.version >= before:
                return
        self._used.pop(ref, None)
        self._memory.forget(ref)

    async def close(self) -> None:
        """Forgets everything."""
        self._used.clear()
        await self._memory.clear()
        await self._memory.close()


def _order(stored: Stored) -> tuple[int, datetime]:
    return stored.version, stored.session.observed_at or _NEVER
