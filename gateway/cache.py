"""Sessions close at hand: bounded, short-lived, and dropped when something changes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from aiocache import SimpleMemoryCache

from gateway.settings import FreshnessSettings
from providers.model import Session, SessionRef


class SessionCache:
    """The newest known state of the sessions that were asked for last.

    aiocache's memory backend knows no bound, so the least recently used are evicted here.
    """

    def __init__(self, freshness: FreshnessSettings, *, most: int = 10_000) -> None:
        self._freshness = freshness
        self._most = most
        self._memory: Any = SimpleMemoryCache()
        self._used: OrderedDict[SessionRef, None] = OrderedDict()

    async def get(self, ref: SessionRef) -> Session | None:
        """The session, if it is here."""
        session: Session | None = await self._memory.get(ref)
        if session is None:
            self._used.pop(ref, None)
        else:
            self._used.move_to_end(ref)
        return session

    async def put(self, session: Session) -> None:
        """Keeps a session, an open one for seconds, a final one for long, unless a newer state of it is here."""
        held = await self.get(session.ref)
        if held and held.observed_at and session.observed_at and session.observed_at < held.observed_at:
            return
        life = self._freshness.final if session.settled else self._freshness.open
        if life <= 0:
            await self.drop(session.ref)
            return
        await self._memory.set(session.ref, session, ttl=life)
        self._used[session.ref] = None
        self._used.move_to_end(session.ref)
        while len(self._used) > self._most:
            oldest, _ = self._used.popitem(last=False)
            await self._memory.delete(oldest)

    async def drop(self, ref: SessionRef) -> None:
        """Forgets a session."""
        self._used.pop(ref, None)
        await self._memory.delete(ref)

    async def close(self) -> None:
        """Forgets everything."""
        for ref in list(self._used):
            await self.drop(ref)  # unlike clearing, this ends the timers too
        await self._memory.close()
