"""What happens to sessions, as it happens: told by the event log, to whoever follows it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from gateway.events.hub import expired
from gateway.signing.oauth import Consent
from gateway.store import ALL_EVENTS, Event, EventCursor, EventFilter
from providers.change import is_unchanged
from providers.errors import NotFound
from providers.model import Session, SessionRef

_READ_THROUGH: Final = 10_000
"""So many events are looked at for one page at most, however few of them are meant."""


@dataclass(frozen=True, slots=True)
class EventList:
    """A page of the event log, in its order; ``more`` says whether it goes on.

    ``end`` is the cursor behind all that was looked at, also where nothing of it was meant.
    """

    events: Sequence[Event]
    end: str
    more: bool


class Following(Consent):
    """Sessions that are followed, and the log of what has happened to them."""

    async def follow(self, ref: SessionRef) -> AsyncGenerator[Session, None]:
        """A session as it is now, then whenever it has changed, until no further change is expected.

        Somebody slow is shown the newest state, not each of them. Raises ``NotFound``.
        """
        first = await self.session(ref)
        return self._states(ref, stale=first.stale)

    async def events(self, wanted: EventFilter = ALL_EVENTS, after: EventCursor | None = None) -> AsyncGenerator[Event, None]:
        """Every event that is meant, none lost and in order, from behind ``after`` or from now on.

        Raises ``CursorExpired``, and ``NotFound`` for a provider that is not configured.
        """
        wanted = self._meant(wanted)
        if after is not None:
            await self._hub.check(after)
        return self._hub.follow(wanted, after, head=self._hub.head)

    @property
    def head_cursor(self) -> str:
        """The cursor of the log's head as this gateway has read it: what is followed from now on begins behind it."""
        return self._hub.cursor

    async def event_log(self, wanted: EventFilter, limit: int, after: EventCursor | None = None) -> EventList:
        """A page of the event log, oldest first, from behind ``after`` or from the oldest event that is kept.

        Raises ``CursorExpired``, and ``NotFound`` for a provider that is not configured.
        """
        return await self._log_page(self._meant(wanted), limit, after)

    async def session_events(self, ref: SessionRef, limit: int, after: EventCursor | None = None) -> EventList:
        """What has happened to one session, oldest first. Raises ``CursorExpired``."""
        self.policy.require_provider(ref.provider, ("id",))
        return await self._log_page(EventFilter(sessions=(ref,)), limit, after)

    async def event(self, seq: int) -> Event:
        """One event. Raises ``NotFound`` for one that is not in the log, or no longer."""
        event = await self._store.events.get(seq)
        if event is None or event.change.type is None or event.session.provider not in self.directory:
            raise NotFound("There is no such event (any more).", path=("id",))
        return event

    async def _log_page(self, wanted: EventFilter, limit: int, after: EventCursor | None) -> EventList:
        """A page that looks at a bounded part of the log: an index finds a session's events, all others are read through."""
        log = self._store.events
        span = await log.bounds()
        begin = span.trimmed if after is None else after.seq
        until = begin + _READ_THROUGH if wanted.sessions is None and begin + _READ_THROUGH < span.head else None
        found = await log.read(begin, limit + 1, wanted, until)
        if after is not None:
            await self._hub.check(after)  # behind the reading: what was removed before it is missing from the page
        events, full = found[:limit], len(found) > limit
        if full:
            return EventList(events, events[-1].cursor if events else str(after or span.begin), more=True)
        if until is not None:
            return EventList(events, (await self._at(until)).cursor, more=True)
        last = events[-1].seq if events else begin
        return EventList(events, span.cursor if last <= span.head else events[-1].cursor, more=False)

    async def _at(self, seq: int) -> Event:
        event = await self._store.events.get(seq)
        if event is None:
            raise expired()
        return event

    def _meant(self, wanted: EventFilter) -> EventFilter:
        """The filter, for the providers that are configured. Raises ``NotFound`` for one that is not and that it names."""
        for name in wanted.providers or ():
            self.directory.get(name, path=("filter", "providers"))
        if wanted.providers is not None:
            return wanted
        return replace(wanted, providers=frozenset(each.name for each in self.directory))

    async def _states(self, ref: SessionRef, *, stale: bool) -> AsyncGenerator[Session, None]:
        shown: Session | None = None
        async with aclosing(self._hub.changes(ref)) as changes:
            async for _ in changes:
                session = await self.known(ref)
                if shown is None or not is_unchanged(shown, session):
                    yield session if shown else replace(session, stale=stale)
                    shown = session
                if session.settled:
                    return
