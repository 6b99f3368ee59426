"""Fan-out: reads the event log once for all subscribers of this gateway, and wakes those that an event concerns.

The hub holds no history for a subscriber: a subscriber is a cursor, and reads on from the log where it has fallen behind.
"""

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
from gateway.events.notifier import LogNotifier
from gateway.store.event_cursor import EventCursor
from gateway.store.event_log import ALL_EVENTS, Event, EventFilter, EventLog
from gateway.task import cancel_and_wait
from gateway.telemetry.log_once import OutageLog
from providers.clock import Clock
from providers.errors import CursorExpired
from providers.model import SessionRef

_MAX_RECENT = 2_048
_BATCH = 200
_log = logging.getLogger("countersign.hub")


class Follower:
    """A subscriber of some sessions, or of all. ``since`` is the number of the first event that it has not read yet."""

    __slots__ = ("_has_events", "has_gap", "since")

    def __init__(self) -> None:
        self.since: int | None = None
        self.has_gap = False
        self._has_events = asyncio.Event()

    def notify(self, seq: int) -> None:
        """Wakes the subscriber: the event of this number may match its filter."""
        if self.since is None:
            self.since = seq
        self._has_events.set()

    def mark_gap(self) -> None:
        """Wakes the subscriber: retention has removed events that this gateway has not read."""
        self.has_gap = True
        self._has_events.set()

    async def wait(self) -> int | None:
        """Waits until it is woken; gives the number of the first event since the last wait."""
        await self._has_events.wait()
        self._has_events.clear()
        since, self.since = self.since, None
        return since


class Hub:
    """Tails the log, invalidates the session cache, and notifies followers. Keeps the newest events in memory."""

    def __init__(
        self, events: EventLog, cache: SessionCache, notifier: LogNotifier, settings: EventSettings, clock: Clock
    ) -> None:
        self._events = events
        self._cache = cache
        self._notifier = notifier
        self._settings = settings
        self._clock = clock
        self._recent: deque[Event] = deque(maxlen=_MAX_RECENT)
        self._head = 0
        self._cursor = ""
        self._read_at = float("-inf")
        self._read_lock = asyncio.Lock()
        self._followers: dict[SessionRef | None, set[Follower]] = defaultdict(set)
        self._tail: asyncio.Task[None] | None = None
        self._outage = OutageLog(_log, "the log could not be read")
        self.on_new_topic: Callable[[], None] = lambda: None
        """Called when a session gets its first follower."""

    async def open(self) -> None:
        """Starts to tail the log from its present end."""
        self._read_at = self._clock.monotonic()
        span = await self._events.bounds()
        self._head, self._cursor = span.head, span.cursor
        self._tail = asyncio.create_task(self._tail_log(), name="tail of the log")

    async def close(self) -> None:
        """Stops."""
        await cancel_and_wait(self._tail)

    @property
    def head(self) -> int:
        """The number of the last event that was read here (high-water mark)."""
        return self._head

    @property
    def cursor(self) -> str:
        """Cursor of the head: a reader that continues behind it misses nothing that comes."""
        return self._cursor

    async def catch_up(self) -> None:
        """Reads the log to its present end. Where it cannot be read, the head stays the one that was read last."""
        with self._outage.log_and_continue():
            await self.read_log(self._clock.monotonic())

    async def read_log(self, since: float) -> None:
        """Reads the log to its end, unless that was done since an instant of the clock's ``monotonic``."""
        if self._read_at >= since:
            return
        async with self._read_lock:
            if self._read_at < since:
                await self._read_to_end()

    @property
    def sessions(self) -> Collection[SessionRef]:
        """The sessions that have a follower at this gateway."""
        return [ref for ref in self._followers if ref is not None]

    async def follow(
        self, filter_: EventFilter = ALL_EVENTS, after: EventCursor | None = None, *, head: int | None = None
    ) -> AsyncGenerator[Event, None]:
        """Every matching event, from behind ``after`` or from now on, without gap or repetition.

        ``head`` is what was the log's head when "now" was said, where that was before the first event is asked for.

        Raises ``CursorExpired`` where events behind ``after`` are no longer, or not yet, in the log, or it is of another.
        """
        with self._subscribe(filter_.sessions) as follower:
            cursor = after.seq if after is not None else self._head if head is None else head
            if after is not None:
                await self.check(after)
            while True:
                batch, cursor = await self._next_batch(cursor, filter_)
                for event in batch:
                    yield event
                if batch or cursor < self._head:
                    continue
                since = await follower.wait()
                if follower.has_gap:
                    follower.has_gap = False
                    await self._require_kept(cursor)  # an event that was removed unread may have matched
                # The events before ``since`` do not match: none of them is read again.
                if since is not None and since - 1 > cursor:
                    await self._require_kept(since - 1)
                    cursor = since - 1

    async def changes(self, session: SessionRef) -> AsyncGenerator[None, None]:
        """Once at first, then after changes of a session; several may be conflated, but there is always one after the last."""
        with self._subscribe((session,)) as follower:
            yield
            while True:
                await follower.wait()
                yield

    async def _next_batch(self, cursor: int, filter_: EventFilter) -> tuple[Sequence[Event], int]:
        """The next matching events behind a cursor, and the cursor behind all that were read for them."""
        head = self._head
        if self._recent and self._recent[0].seq <= cursor + 1:
            recent = list(islice(self._recent_behind(cursor), _BATCH))
            reached = recent[-1].seq if recent else cursor
            return [event for event in recent if filter_.matches(event)], reached
        if cursor >= head:
            return (), cursor
        page = await self._events.read(cursor, _BATCH, filter_)
        await self._require_kept(cursor)  # after the read: what was removed before it is missing from the page
        if len(page) < _BATCH:
            return page, max(head, page[-1].seq if page else 0)
        return page, page[-1].seq

    def _recent_behind(self, cursor: int) -> Iterator[Event]:
        index = bisect_right(self._recent, cursor, key=lambda event: event.seq)
        return islice(self._recent, index, None)

    async def check(self, cursor: EventCursor) -> None:
        """Raises ``CursorExpired`` where what follows a cursor is not in the log: it is past its time, or of another log."""
        if not await self._events.can_resume(cursor):
            raise cursor_expired()

    async def _require_kept(self, cursor: int) -> None:
        span = await self._events.bounds()
        if not span.trimmed <= cursor <= span.head:
            raise cursor_expired()

    @contextmanager
    def _subscribe(self, sessions: Collection[SessionRef] | None) -> Iterator[Follower]:
        follower = Follower()
        topics: Collection[SessionRef | None] = (None,) if sessions is None else set(sessions)
        has_new_topic = any(topic not in self._followers for topic in topics)
        for topic in topics:
            self._followers[topic].add(follower)
        if has_new_topic and sessions is not None:
            self.on_new_topic()
        try:
            yield follower
        finally:
            for topic in topics:
                followers = self._followers[topic]
                followers.discard(follower)
                if not followers:
                    del self._followers[topic]

    async def _tail_log(self) -> None:
        while True:
            await self._notifier.wait(self._settings.poll)
            with self._outage.log_and_continue():
                async with self._read_lock:
                    await self._read_to_end()

    async def _read_to_end(self) -> None:
        begun = self._clock.monotonic()
        while events := await self._events.read(self._head, _BATCH):
            self._publish(events)
        self._read_at = begun

    def _publish(self, events: Sequence[Event]) -> None:
        """Evicts what other gateways have changed from the cache, before any follower is told of it."""
        if events[0].seq != self._head + 1:
            self._mark_gap()
        for event in events:
            self._cache.drop(event.session, before=event.version)
        for event in events:
            self._recent.append(event)
            self._head, self._cursor = event.seq, event.cursor
            for follower in (*self._followers.get(event.session, ()), *self._followers.get(None, ())):
                follower.notify(event.seq)

    def _mark_gap(self) -> None:
        """Retention was faster than this gateway: every follower checks whether it has missed an event."""
        self._recent.clear()
        for follower in {each for followers in self._followers.values() for each in followers}:
            follower.mark_gap()


def cursor_expired() -> CursorExpired:
    """The refusal of a cursor whose events are not in the log."""
    return CursorExpired(
        "The events behind this cursor are no longer kept. Read the sessions again, then follow without after.", path=("after",)
    )
