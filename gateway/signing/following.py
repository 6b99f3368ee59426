"""What happens to sessions, as it happens: told by the event log, to whoever follows it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from gateway.signing.consent import Consent
from gateway.store import ALL, Event, EventCursor, EventFilter
from providers.change import same
from providers.errors import NotFound
from providers.model import Session, SessionRef


@dataclass(frozen=True, slots=True)
class EventList:
    """A part of the log, in its order; ``more`` says whether it goes on."""

    events: Sequence[Event]
    more: bool


class Following(Consent):
    """Sessions that are followed, and the log of what has happened to them."""

    async def follow(self, ref: SessionRef) -> AsyncGenerator[Session, None]:
        """A session as it is now, then whenever it has changed, until no further change is expected.

        Somebody slow is shown the newest state, not each of them. Raises ``NotFound``.
        """
        first = await self.session(ref)
        return self._states(ref, stale=first.stale)

    async def events(self, wanted: EventFilter = ALL, after: EventCursor | None = None) -> AsyncGenerator[Event, None]:
        """Every event that is meant, none lost and in order, from behind ``after`` or from now on.

        Raises ``CursorExpired``, and ``NotFound`` for a provider that is not configured.
        """
        for name in wanted.providers or ():
            self.directory.get(name, path=("filter", "providers"))
        if wanted.providers is None:
            wanted = replace(wanted, providers=frozenset(each.name for each in self.directory))
        if after is not None:
            await self._hub.check(after)
        return self._hub.follow(wanted, after)

    async def session_events(self, ref: SessionRef, limit: int, after: EventCursor | None = None) -> EventList:
        """What has happened to one session, oldest first. Raises ``CursorExpired``."""
        self.policy.require_provider(ref.provider, ("id",))
        if after is not None:
            await self._hub.check(after)
        found = await self._store.events.page(after.seq if after else 0, limit + 1, EventFilter(sessions=(ref,)))
        return EventList(found[:limit], len(found) > limit)

    async def event(self, seq: int) -> Event:
        """One event. Raises ``NotFound`` for one that is not in the log, or no longer."""
        event = await self._store.events.get(seq)
        if event is None or event.change.type is None or event.session.provider not in self.directory:
            raise NotFound("There is no such event (any more).", path=("id",))
        return event

    async def _states(self, ref: SessionRef, *, stale: bool) -> AsyncGenerator[Session, None]:
        shown: Session | None = None
        async with aclosing(self._hub.changes(ref)) as changes:
            async for _ in changes:
                session = await self.known(ref)
                if shown is None or not same(shown, session):
                    yield session if shown else replace(session, stale=stale)
                    shown = session
                if session.settled:
                    return
