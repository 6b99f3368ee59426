"""Wakes those who follow the event log. It holds no history of theirs: a follower is a cursor, and the log is the log."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from gateway.cache.session_cache import SessionCache
from gateway.config import EventSettings
from gateway.events.notifier import Wake
from gateway.store.cursor import EventCursor
from gateway.store.events import ALL, Event, EventFilter, Events
from gateway.task import end
from gateway.telemetry.log_once import Trouble
from providers.clock import Clock
from providers.errors import CursorExpired
from providers.model import SessionRef

_RECENT = 2_048
_BATCH = 200
_log = logging.getLogger("countersign.hub")


class Follower:
    """Somebody who waits for events of some sessions, or of any: which of them came first that has not been read yet."""

    __slots__ = ("_news", "lost", "since")

    def __init__(self) -> None:
        self.since: int | None = None
        self.lost = False
        self._news = asyncio.Event()

    def tell(self, seq: int) -> None:
        """There is an event, of this number, that may be meant."""
        if self.since is None:
            self.since = seq
        self._news.set()

    def lose(self) -> None:
        """There were events that this gateway has not read before they were removed."""
        self.lost = True
        self._news.set()

    async def wait(self) -> int | None:
        """Waits until there is one; gives the number of the first since the last wait."""
        await self._news.wait()
        self._news.clear()
        since, self.since = self.since, None
        return since


class Hub:
    """Reads the log once for everybody at this gateway, and keeps the newest events at hand."""

    def __init__(self, events: Events, cache: SessionCache, wake: Wake, settings: EventSettings, clock: Clock) -> None:
        self._events = events
        self._cache = cache
        self._wake = wake
        self._settings = settings
        self._clock = clock
        self._recent: deque[Event] = deque(maxlen=_RECENT)
        self._head = 0
        self._cursor = ""
        self._looked_at = float("-inf")
        self._turn = asyncio.Lock()
        self._followers: dict[SessionRef | None, set[Follower]] = defaultdict(set)
        self._tail: asyncio.Task[None] | None = None
        self._trouble = Trouble(_log, "the log could not be read")
        self.followed: Callable[[], None] = lambda: None
        """Called when a session is followed that was not."""

    async def open(self) -> None:
        """Begins at the present end of the log."""
        self._looked_at = self._clock.monotonic()
        span = await self._events.span()
        self._head, self._cursor = span.head, span.cursor
        self._tail = asyncio.create_task(self._run(), name="tail of the log")

    async def close(self) -> None:
        """Ends."""
        await end(self._tail)

    @property
    def head(self) -> int:
        """The number of the last event that was told here."""
        return self._head

    @property
    def cursor(self) -> str:
        """Where the log stood when it was last read here: whoever continues behind it misses nothing that comes."""
        return self._cursor

    async def catch_up(self) -> None:
        """Reads the log to its present end. Where it cannot be read, its head stays the one that was read last."""
        with self._trouble.survived():
            await self.look(self._clock.monotonic())

    async def look(self, since: float) -> None:
        """Reads the log to its end, unless that was done since an instant of the clock's ``monotonic``."""
        if self._looked_at >= since:
            return
        async with self._turn:
            if self._looked_at < since:
                await self._look()

    @property
    def sessions(self) -> Collection[SessionRef]:
        """The sessions that somebody at this gateway follows."""
        return [ref for ref in self._followers if ref is not None]

    async def follow(
        self, wanted: EventFilter = ALL, after: EventCursor | None = None, *, head: int | None = None
    ) -> AsyncGenerator[Event, None]:
        """Every event that is meant, from behind ``after`` or from now on, without gap or repetition.

        ``head`` is what was the log's head when "now" was said, where that was before the first event is asked for.

        Raises ``CursorExpired`` where events behind ``after`` are no longer, or not yet, in the log, or it is of another.
        """
        with self._following(wanted.sessions) as follower:
            cursor = after.seq if after is not None else self._head if head is None else head
            if after is not None:
                await self.check(after)
            while True:
                batch, cursor = await self._next(cursor, wanted)
                for event in batch:
                    yield event
                if batch or cursor < self._head:
                    continue
                since = await follower.wait()
                if follower.lost:
                    follower.lost = False
                    await self._check_span(cursor)  # what this gateway has missed may be what this follower was to have
                # What came in between was not meant: nothing of it is missed, and none of it is read again.
                if since is not None and since - 1 > cursor:
                    await self._check_span(since - 1)
                    cursor = since - 1

    async def changes(self, session: SessionRef) -> AsyncGenerator[None, None]:
        """Each time something has happened to a session, however much: at least once behind the last of it."""
        with self._following((session,)) as follower:
            yield
            while True:
                await follower.wait()
                yield

    async def _next(self, cursor: int, wanted: EventFilter) -> tuple[Sequence[Event], int]:
        """The next events that are meant behind a cursor, and the cursor behind all that was looked at."""
        head = self._head
        if self._recent and self._recent[0].seq <= cursor + 1:
            found = list(islice(self._behind(cursor), _BATCH))
            reached = found[-1].seq if found else cursor
            return [event for event in found if wanted.takes(event)], reached
        if cursor >= head:
            return (), cursor
        page = await self._events.page(cursor, _BATCH, wanted)
        await self._check_span(cursor)  # behind the reading: what was removed before it is missing from the page
        if len(page) < _BATCH:
            return page, max(head, page[-1].seq if page else 0)
        return page, page[-1].seq

    def _behind(self, cursor: int) -> Iterator[Event]:
        place = bisect_right(self._recent, cursor, key=lambda event: event.seq)
        return islice(self._recent, place, None)

    async def check(self, cursor: EventCursor) -> None:
        """Raises ``CursorExpired`` where what follows a cursor is not in the log: it is past its time, or of another log."""
        if not await self._events.holds(cursor):
            raise expired()

    async def _check_span(self, cursor: int) -> None:
        span = await self._events.span()
        if not span.trimmed <= cursor <= span.head:
            raise expired()

    @contextmanager
    def _following(self, sessions: Collection[SessionRef] | None) -> Iterator[Follower]:
        follower = Follower()
        topics: Collection[SessionRef | None] = (None,) if sessions is None else set(sessions)
        new = any(topic not in self._followers for topic in topics)
        for topic in topics:
            self._followers[topic].add(follower)
        if new and sessions is not None:
            self.followed()
        try:
            yield follower
        finally:
            for topic in topics:
                followers = self._followers[topic]
                followers.discard(follower)
                if not followers:
                    del self._followers[topic]

    async def _run(self) -> None:
        while True:
            await self._wake.wait(self._settings.poll)
            with self._trouble.survived():
                async with self._turn:
                    await self._look()

    async def _look(self) -> None:
        began = self._clock.monotonic()
        while events := await self._events.page(self._head, _BATCH):
            self._pass_on(events)
        self._looked_at = began

    def _pass_on(self, events: Sequence[Event]) -> None:
        """What another gateway has seen is not what is at hand here: that goes before anybody is told."""
        if events[0].seq != self._head + 1:
            self._lose()
        for event in events:
            self._cache.drop(event.session, before=event.version)
        for event in events:
            self._recent.append(event)
            self._head, self._cursor = event.seq, event.cursor
            for follower in (*self._followers.get(event.session, ()), *self._followers.get(None, ())):
                follower.tell(event.seq)

    def _lose(self) -> None:
        """Retention was faster than this gateway: everybody looks whether there was something that they cannot have."""
        self._recent.clear()
        for follower in {each for followers in self._followers.values() for each in followers}:
            follower.lose()


def expired() -> CursorExpired:
    """The refusal of a cursor whose events are not in the log."""
    return CursorExpired(
        "The events behind this cursor are no longer kept. Read the sessions again, then follow without after.", path=("after",)
    )
