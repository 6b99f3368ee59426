"""Sessions close at hand: bounded, short-lived, and dropped when something changes."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

from aiocache import SimpleMemoryCache

from gateway.settings import FreshnessSettings
from gateway.store import Stored
from providers.model import Session, SessionRef

_NEVER = datetime.min.replace(tzinfo=UTC)


class SessionCache:
    """The newest known state of the sessions that were asked for last.

    aiocache's memory backend knows no bound, so the least recently used are evicted here.
    """

    def __init__(self, freshness: FreshnessSettings, *, most: int = 10_000) -> None:
        self._freshness = freshness
        self._most = most
        self._memory: Any = SimpleMemoryCache(timeout=0)  # or each look would be a task of its own
        self._used: OrderedDict[SessionRef, None] = OrderedDict()
        self._floors: OrderedDict[SessionRef, int] = OrderedDict()

    async def get(self, ref: SessionRef) -> Session | None:
        """The session, if it is here."""
        held = await self.stored(ref)
        return held.session if held else None

    async def stored(self, ref: SessionRef) -> Stored | None:
        """The session and its version, if they are here."""
        stored: Stored | None = await self._memory.get(ref)
        if stored is None:
            self._used.pop(ref, None)
        else:
            self._used.move_to_end(ref)
        return stored

    async def put(self, stored: Stored) -> None:
        """Keeps a session, an open one for seconds, a final one for long, unless a newer state of it is here."""
        session = stored.session
        held = await self.stored(session.ref)
        if (held and _order(held) > _order(stored)) or stored.version < self._floors.get(session.ref, 0):
            return
        life = self._freshness.final if session.settled else self._freshness.open
        if life <= 0:
            await self.drop(session.ref)
            return
        await self._memory.set(session.ref, stored, ttl=life)
        self._used[session.ref] = None
        self._used.move_to_end(session.ref)
        while len(self._used) > self._most:
            oldest, _ = self._used.popitem(last=False)
            await self._memory.delete(oldest)

    async def drop(self, ref: SessionRef, before: int | None = None) -> None:
        """Forgets a session, or only what it was before it had this version; that is not taken again either."""
        if before is not None:
            self._floors[ref] = before
            self._floors.move_to_end(ref)
            if len(self._floors) > self._most:
                self._floors.popitem(last=False)
            if (held := await self.stored(ref)) and held.version >= before:
                return
        self._used.pop(ref, None)
        await self._memory.delete(ref)

    async def close(self) -> None:
        """Forgets everything."""
        for ref in list(self._used):
            await self.drop(ref)  # unlike clearing, this ends the timers too
        await self._memory.close()


def _order(stored: Stored) -> tuple[int, datetime]:
    return stored.version, stored.session.observed_at or _NEVER
