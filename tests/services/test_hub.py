"""Fan-out: every event once and in order, for slow followers, any cursor, and several gateways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.asyncio import Redis as Client
from stage import START, Template, examples, session

from gateway.cache.redis import connect
from gateway.cache.session_cache import SessionCache
from gateway.config import EventSettings, FreshnessSettings
from gateway.events import hub as module
from gateway.events.hub import Hub
from gateway.events.notifier import LogNotifier
from gateway.store import ALL_EVENTS, Event, EventCursor, EventFilter, SessionWrite, Store, StoredSession, parse_event_cursor
from providers.clock import Clock
from providers.errors import CursorExpired
from providers.model import SessionRef, SessionStatus
from providers.model.change import Change, ChangeType
from tests.servers import Redis

CREATED = Change(type=ChangeType.CREATED)
UNNAMED = Change(type=None)


@dataclass
class Desk:
    """A gateway's part in following the log."""

    store: Store
    cache: SessionCache
    notifier: LogNotifier
    hub: Hub

    async def append(self, key: str, *changes: Change) -> None:
        """Something happens to a session at this gateway."""
        stored = await self.store.sessions.load(session(key).ref)
        state = SessionWrite(seen_at=START, expected_version=stored.version if stored else None, changes=changes)
        assert await self.store.sessions.save(session(key), state)
        self.notifier.notify()

    async def cursor(self, seq: int) -> EventCursor:
        """The cursor of an event, as clients get it."""
        event = await self.store.events.get(seq)
        assert event is not None
        cursor = parse_event_cursor(event.cursor)
        assert cursor is not None
        return cursor

    async def told(self, seq: int) -> None:
        """Waits until this gateway has read so far in the log."""
        for _ in range(1_000):
            if self.hub.head >= seq:
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"never told of {seq}")


@asynccontextmanager
async def desk(url: str, redis: str | None = None, poll: float = 60.0) -> AsyncIterator[Desk]:
    """One that looks into the log by itself only after a long time, unless told otherwise."""
    async with AsyncExitStack() as stack:
        store = await Store.open(SecretStr(url))
        stack.push_async_callback(store.close)
        cache = SessionCache(FreshnessSettings(open=60))
        stack.callback(cache.clear)
        client = connect(SecretStr(redis) if redis else None)
        if client is not None:
            stack.push_async_callback(client.aclose)
        notifier = LogNotifier(client, Clock())
        await notifier.open()
        stack.push_async_callback(notifier.close)
        hub = Hub(store.events, cache, notifier, EventSettings(poll=poll), Clock())
        await hub.open()
        stack.push_async_callback(hub.close)
        yield Desk(store, cache, notifier, hub)


@pytest.fixture
async def mine(template: Template) -> AsyncIterator[Desk]:
    async with template.copied() as url, desk(url) as mine:
        yield mine


async def take(events: AsyncGenerator[Event, None], count: int, patience: float = 10.0) -> list[int]:
    """The numbers of the next events."""
    async with asyncio.timeout(patience):
        return [(await anext(events)).seq for _ in range(count)]


async def began(events: AsyncGenerator[Event, None]) -> asyncio.Task[Event]:
    """Has begun to wait for its first event."""
    task = asyncio.create_task(anext(events))
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    return task


async def test_follower_gets_events_from_now_on(mine: Desk) -> None:
    await mine.append("before", CREATED)
    async with aclosing(mine.hub.follow()) as events:
        await mine.told(1)
        first = await began(events)
        await mine.append("s1", CREATED, UNNAMED, CREATED)
        assert (await first).seq == 2
        assert await take(events, 1) == [4], "what has no type is nobody's event"


async def test_follower_resumes_after_cursor(mine: Desk) -> None:
    for number in range(5):
        await mine.append(f"s{number}", CREATED)
    async with aclosing(mine.hub.follow(after=await mine.cursor(2))) as events:
        assert await take(events, 3) == [3, 4, 5]
        waiting = await began(events)
        await mine.append("s9", CREATED)
        assert (await waiting).seq == 6


@pytest.mark.parametrize("number", [4, 99])
async def test_resume_outside_of_log_is_refused(mine: Desk, number: int) -> None:
    for key in range(20):
        await mine.append(f"s{key}", CREATED)
    after = await mine.cursor(number) if number < 20 else EventCursor(number, 1)
    last_removed = await mine.cursor(10)
    await mine.store.events.trim(START - timedelta(days=1), most=10)
    async with aclosing(mine.hub.follow(after=after)) as events:
        with pytest.raises(CursorExpired) as caught:
            await anext(events)
    assert caught.value.error_code == "CURSOR_EXPIRED"
    async with aclosing(mine.hub.follow(after=last_removed)) as events:
        assert await take(events, 10) == list(range(11, 21))


async def test_retention_gap_does_not_end_follower_that_is_past_it(template: Template) -> None:
    async with (
        template.copied() as url,
        desk(url) as mine,
        desk(url) as behind,
        aclosing(behind.hub.follow(after=EventCursor(0))) as early,
    ):
        first = await began(early)
        for number in range(20):
            await mine.append(f"s{number}", CREATED)
        last_removed = await mine.cursor(10)
        await mine.store.events.trim(START - timedelta(days=1), most=10)
        async with aclosing(behind.hub.follow(after=last_removed)) as late:
            next_one = await began(late)
            behind.notifier.notify()
            assert (await next_one).seq == 11
            assert await take(late, 9) == list(range(12, 21))
        with pytest.raises(CursorExpired):
            await first


async def test_slow_follower_reads_on_from_log(mine: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._MAX_RECENT == 2_048
    async with aclosing(mine.hub.follow()) as events:
        first = await began(events)
        total = 0
        while total < module._MAX_RECENT + 500:
            await mine.append(f"s{total}", *[CREATED] * 100)
            total += 100
        assert (await first).seq == 1
        assert await take(events, total - 1) == list(range(2, total + 1))


async def test_follower_behind_retention_gets_cursor_expired(mine: Desk) -> None:
    async with aclosing(mine.hub.follow()) as events:
        first = await began(events)
        total = 0
        while total < module._MAX_RECENT + 500:
            await mine.append(f"s{total}", *[CREATED] * 100)
            total += 100
        await first
        await mine.store.events.trim(START - timedelta(days=1), most=10)
        with pytest.raises(CursorExpired):
            await take(events, total)


async def test_follower_of_one_session_is_not_woken_by_others(mine: Desk) -> None:
    wanted = EventFilter(sessions=frozenset({session("mine").ref}))
    async with aclosing(mine.hub.follow(wanted)) as events:
        waiting = await began(events)
        for number in range(30):
            await mine.append(f"s{number}", *[CREATED] * 100)
        await mine.told(3_000)
        await mine.store.events.trim(START - timedelta(days=1), most=10)
        assert not waiting.done()
        await mine.append("mine", CREATED)
        assert (await waiting).seq == 3001, "and that the others' events are gone meanwhile is nothing to it"


@examples(20)
@given(
    happened=st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 4)), min_size=1, max_size=12),
    only=st.none() | st.frozensets(st.sampled_from(["a", "b"])),
    cut=st.integers(0, 8),
)
async def test_resume_at_any_event_loses_and_repeats_nothing(
    template: Template, happened: list[tuple[str, int]], only: frozenset[str] | None, cut: int
) -> None:
    wanted = ALL_EVENTS if only is None else EventFilter(sessions=frozenset(session(key).ref for key in only))
    async with template.copied() as url, desk(url) as mine:

        async def happen() -> None:
            for key, count in happened:
                await mine.append(key, *[CREATED] * count)

        writing = asyncio.create_task(happen())
        numbers = [key for key, count in happened for _ in range(count)]
        expected = [seq for seq, key in enumerate(numbers, start=1) if only is None or key in only]
        seen: list[int] = []
        while len(seen) < len(expected):
            after = await mine.cursor(seen[-1]) if seen else EventCursor(0)
            async with aclosing(mine.hub.follow(wanted, after=after)) as events:
                seen += await take(events, min(cut + 1, len(expected) - len(seen)))
        await writing
        assert seen == expected


async def test_changes_of_followed_session_are_conflated(mine: Desk) -> None:
    async with aclosing(mine.hub.changes(session("s1").ref)) as changes:
        await anext(changes)
        for _ in range(5):
            await mine.append("s1", UNNAMED)
        await mine.told(5)
        await asyncio.wait_for(anext(changes), 5)
        again = asyncio.create_task(anext(changes))
        await asyncio.sleep(0.05)
        assert not again.done(), "five changes were told as one"
        await mine.append("s1", CREATED)
        await asyncio.wait_for(again, 5)


async def test_ended_followers_leave_no_topics(mine: Desk) -> None:
    for _ in range(3):
        async with aclosing(mine.hub.follow(EventFilter(sessions=(session().ref,)))) as events:
            task = await began(events)
            assert list(mine.hub.sessions) == [session().ref]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert list(mine.hub.sessions) == []


@pytest.mark.parametrize("how", ["redis", "poll"])
async def test_event_of_other_gateway_evicts_older_cached_state(template: Template, redis: str, how: str) -> None:
    """By Redis at once; without one, when the log is looked into."""
    told, poll = (redis, 5.0) if how == "redis" else (None, 0.05)
    async with template.copied() as url, desk(url, told, poll) as mine, desk(url, told, poll) as theirs:
        await asyncio.sleep(0.3)
        mine.cache.put(StoredSession(session("s1"), 1))
        async with aclosing(mine.hub.follow()) as events:
            waiting = await began(events)
            await theirs.append("s1", CREATED)
            await asyncio.wait_for(asyncio.shield(waiting), 2)
            assert mine.cache.get(session("s1").ref) is not None, "the same version is not out of date"
            await theirs.append("s1", CREATED)
            await take(events, 1, patience=2)
            assert mine.cache.get(session("s1").ref) is None
            mine.cache.put(StoredSession(session("s1"), 1))
            assert mine.cache.get(session("s1").ref) is None, "nor is it taken again"


async def test_redis_outage_loses_no_event(template: Template, redis_server: Redis) -> None:
    redis = redis_server.url
    async with (
        template.copied() as url,
        desk(url, redis, 0.05) as mine,
        desk(url, redis, 0.05) as theirs,
        aclosing(mine.hub.follow(after=EventCursor(0))) as events,
    ):
        await theirs.append("s1", CREATED)
        assert await take(events, 1) == [1]
        redis_server.stop()
        await theirs.append("s2", CREATED)
        assert await take(events, 1) == [2]
        redis_server.start()
        await theirs.append("s3", CREATED)
        assert await take(events, 1) == [3]


def test_event_filter_matches_named_sessions_types_and_providers() -> None:
    event = Event(
        seq=1, cursor="", session=SessionRef("acme", "s1"), version=1, source=session().source, observed_at=START,
        change=Change(type=ChangeType.CREATED, to_status=SessionStatus.PENDING),
    )  # fmt: skip
    assert ALL_EVENTS.matches(event)
    assert EventFilter(providers={"acme"}, to_statuses={SessionStatus.PENDING}).matches(event)
    assert not EventFilter(providers={"umbrella"}).matches(event)
    assert not EventFilter(sessions=()).matches(event)


async def test_notifier_goes_on_after_a_message_that_is_no_text(redis: str) -> None:
    client = connect(SecretStr(redis))
    assert client is not None
    notifier = LogNotifier(client, Clock())
    await notifier.open()
    try:
        await published(client, b"\xff")
        await asyncio.sleep(0.1)
        await published(client, b"")  # to a subscriber that has come back
    finally:
        await notifier.close()
        await client.aclose()


async def published(client: Client, message: bytes) -> None:
    """Publishes a message that at least one subscriber gets."""
    for _ in range(1_000):
        if await client.publish("countersign:log", message):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("nobody subscribes")
