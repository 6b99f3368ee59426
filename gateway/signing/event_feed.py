"""Event feed: subscriptions to sessions, events and provider health, and pages of the event log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from gateway.directory import ConnectedProvider
from gateway.events.hub import Hub, cursor_expired
from gateway.signing.policy import Policy
from gateway.signing.sessions.reader import SessionReader
from gateway.store import ALL_EVENTS, Event, EventCursor, EventFilter, Store
from gateway.telemetry.health_monitor import HealthMonitor
from providers.errors import NotFound
from providers.model import Session, SessionRef
from providers.model.change import is_unchanged

_MAX_READ: Final = 10_000
"""A page reads at most so many events of the log, however few of them match."""


@dataclass(frozen=True, slots=True)
class EventList:
    """A page of the event log, in its order; ``more`` says whether it goes on.

    ``end`` is the cursor behind the last event that was read, also where none of them matched.
    """

    events: Sequence[Event]
    end: str
    more: bool


class EventFeed:
    """Event feed of one viewer."""

    def __init__(self, policy: Policy, reader: SessionReader, hub: Hub, health: HealthMonitor, store: Store) -> None:
        self._policy = policy
        self._reader = reader
        self._hub = hub
        self._health = health
        self._log = store.events

    async def follow(self, ref: SessionRef) -> AsyncIterator[Session]:
        """A session as it is now, then after each change, until no further change is expected.

        A slow consumer is shown the newest state, not each of them. Raises ``NotFound``, and ``TooMany`` where this viewer
        follows as much as one may.
        """
        self._policy.require("follow")
        self._policy.require_room()
        self._policy.require_provider(ref.provider, ("id",))
        first = await self._reader.session(ref)
        return self._policy.count(self._states(ref, stale=first.stale))

    async def subscribe(self, wanted: EventFilter = ALL_EVENTS, after: EventCursor | None = None) -> AsyncIterator[Event]:
        """Every event that matches, none lost and in order, from behind ``after`` or from now on.

        Raises ``CursorExpired``, ``NotFound`` for a provider that is not configured, and ``TooMany`` as ``follow`` does.
        """
        self._policy.require("subscribe")
        self._policy.require_room()
        wanted = self._policy.restrict_events(wanted)
        if after is not None:
            await self._hub.check(after)
        return self._policy.count(self._hub.follow(wanted, after, head=self._hub.head))

    def provider_health(self, names: Sequence[str] | None = None) -> AsyncIterator[ConnectedProvider]:
        """Providers as they are now, and again whenever their health or credentials change.

        Raises ``NotFound``, and ``TooMany`` as ``follow`` does.
        """
        self._policy.require_room()
        providers = self._policy.directory.select(names, ("names",))
        return self._policy.count(self._health.watch([each.name for each in providers], ("names",)))

    async def event_log(self, wanted: EventFilter, limit: int, after: EventCursor | None = None) -> EventList:
        """A page of the event log, oldest first, from behind ``after`` or from the oldest event that is kept.

        Raises ``CursorExpired``, and ``NotFound`` for a provider that is not configured.
        """
        self._policy.require("event_log")
        return await self._page(self._policy.restrict_events(wanted), limit, after)

    async def session_events(self, ref: SessionRef, limit: int, after: EventCursor | None = None) -> EventList:
        """A page of the events of one session, oldest first. Raises ``CursorExpired``."""
        self._policy.require("session_events")
        self._policy.require_provider(ref.provider, ("id",))
        return await self._page(EventFilter(sessions=(ref,)), limit, after)

    async def event(self, seq: int) -> Event:
        """One event. Raises ``NotFound`` for one that is not in the log, or no longer."""
        self._policy.require("event")
        event = await self._log.get(seq)
        if event is None or event.change.type is None or event.session.provider not in self._policy.directory:
            raise NotFound("There is no such event (any more).", path=("id",))
        return event

    async def log_cursor(self) -> str:
        """A cursor that everything read from now on is at least as new as: it shows every event up to there."""
        await self._hub.catch_up()
        return self._reader.cursor

    @property
    def head_cursor(self) -> str:
        """The cursor of the log's head as this gateway has read it: a subscription from now on begins behind it."""
        return self._hub.cursor

    async def _page(self, wanted: EventFilter, limit: int, after: EventCursor | None) -> EventList:
        """A page that reads a bounded part of the log; one session's events are found by an index, and need no bound."""
        span = await self._log.bounds()
        begin = span.trimmed if after is None else after.seq
        until = begin + _MAX_READ if wanted.sessions is None and begin + _MAX_READ < span.head else None
        rows = await self._log.read(begin, limit + 1, wanted, until)
        if after is not None:
            await self._hub.check(after)  # after the read: events that were trimmed before it are missing from the page
        events, full = rows[:limit], len(rows) > limit
        if full:
            return EventList(events, events[-1].cursor if events else str(after or span.begin), more=True)
        if until is not None:
            return EventList(events, (await self._at(until)).cursor, more=True)
        last = events[-1].seq if events else begin
        return EventList(events, span.cursor if last <= span.head else events[-1].cursor, more=False)

    async def _at(self, seq: int) -> Event:
        event = await self._log.get(seq)
        if event is None:
            raise cursor_expired()
        return event

    async def _states(self, ref: SessionRef, *, stale: bool) -> AsyncGenerator[Session, None]:
        shown: Session | None = None
        async with aclosing(self._hub.changes(ref)) as changes:
            async for _ in changes:
                session = await self._reader.last_known(ref)
                if shown is None or not is_unchanged(shown, session):
                    yield session if shown else replace(session, stale=stale)
                    shown = session
                if session.settled:
                    return
