"""Event log: numbers become visible in order, whichever gateway appends, and retention trims old events."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from stage import START, Hands, Template, examples, fresh_store, keep, session

from gateway.cache.negative_cache import NegativeCache
from gateway.cache.session_cache import SessionCache
from gateway.cache.shared_freshness import SharedFreshness
from gateway.config import FreshnessSettings
from gateway.signing.sessions.observe import Observation
from gateway.store import Event, EventFilter, SessionWrite, Store
from providers.model import ChangeSource, Session, SessionRef, SessionStatus
from providers.model.change import Change, ChangeType

OPEN = (SessionStatus.DRAFT, SessionStatus.READY, SessionStatus.PENDING, SessionStatus.IN_PROGRESS, SessionStatus.PROCESSING)
HALF_A_MINUTE = timedelta(seconds=30)
WRITERS, EACH = 8, 625


@asynccontextmanager
async def gateways(template: Template, count: int = 2) -> AsyncIterator[Sequence[Store]]:
    """So many gateways' stores over one database."""
    async with template.copied() as url, AsyncExitStack() as stack:
        stores = [await Store.open(SecretStr(url)) for _ in range(count)]
        for store in stores:
            stack.push_async_callback(store.close)
        yield stores


def observation(store: Store) -> Observation:
    cache = SessionCache(FreshnessSettings(open=0, final=0))
    return Observation(
        store,
        cache,
        NegativeCache(5, Hands()),
        SharedFreshness(None, 5, Hands()),
        Hands(),
        notify=lambda: None,
        next_poll_at=lambda name: START + HALF_A_MINUTE,
    )


async def everything(store: Store, after: int = 0) -> list[Event]:
    return await store.events.read(after, 100_000)


async def test_change_is_appended_in_the_transaction_that_saves_it(store: Store) -> None:
    door = observation(store)
    await door.observe(session(), ChangeSource.MUTATION)
    await door.observe(session(status=SessionStatus.COMPLETED), ChangeSource.WEBHOOK)
    first, second = await everything(store)
    assert (first.seq, first.change.type, first.source, first.version) == (1, ChangeType.CREATED, ChangeSource.MUTATION, 1)
    assert (second.seq, second.change.from_status, second.change.to_status) == (2, "PENDING", "COMPLETED")
    assert (second.source, second.version, second.observed_at) == (ChangeSource.WEBHOOK, 2, START)
    assert await store.events.get(2) == second
    assert await store.events.get(3) is None


async def test_unchanged_state_appends_no_event(store: Store) -> None:
    door = observation(store)
    await door.observe(session(), ChangeSource.READ)
    for source in ChangeSource:
        await door.observe(session(), source)
    assert len(await everything(store)) == 1


async def test_save_fails_when_expected_version_is_stale(store: Store) -> None:
    await keep(store, session(), START)
    happened = SessionWrite(seen_at=START, expected_version=1, changes=(Change(type=ChangeType.DELETED),))
    assert await store.sessions.save(session(title="faster"), happened)
    assert not await store.sessions.save(session(title="slower"), happened)
    assert not await store.sessions.save(session(title="slower"), replace(happened, expected_version=None))
    assert not await store.sessions.save(session("never seen"), happened)
    kept = await store.sessions.load(session().ref)
    assert kept is not None
    assert (kept.session.title, kept.version) == ("faster", 2)
    assert len(await everything(store)) == 1, "what was not kept is not told"


async def test_two_gateways_observing_one_session_append_each_change_once(template: Template) -> None:
    """Every status is seen by both, in any order; the log is a chain without gap or repetition."""
    async with gateways(template) as stores:
        doors = [observation(store) for store in stores]
        for status in (*OPEN, SessionStatus.COMPLETED):
            sightings = [door.observe(session(status=status), ChangeSource.POLL) for door in doors for _ in range(4)]
            await asyncio.gather(*sightings)
        told = [event.change for event in await everything(stores[0])]
    assert [change.to_status for change in told] == [*OPEN, SessionStatus.COMPLETED]
    assert [change.from_status for change in told] == [None, *OPEN]


@pytest.mark.exhaustive
async def test_reader_sees_ten_thousand_events_of_two_gateways_once_and_in_order(template: Template) -> None:
    """Both commit at once, a few events at a time; what becomes visible never has a gap that is filled later."""
    async with gateways(template, 3) as (first, second, reader):
        seen: list[Event] = []
        done = asyncio.Event()

        async def write(store: Store, writer: int) -> None:
            for number in range(EACH):
                one = session(f"{id(store)}-{writer}-{number}")
                state = SessionWrite(seen_at=START, changes=(Change(type=ChangeType.CREATED), Change(type=ChangeType.DELETED)))
                assert await store.sessions.save(one, state)

        async def read() -> None:
            while not done.is_set() or await reader.events.read(seen[-1].seq, 1):
                seen.extend(await reader.events.read(seen[-1].seq if seen else 0, 500))
                await asyncio.sleep(0.001)

        tail = asyncio.create_task(read())
        await asyncio.gather(*(write(store, writer) for store in (first, second) for writer in range(WRITERS // 2)))
        done.set()
        await tail
    count = 2 * WRITERS * EACH
    assert count == 10_000
    assert [event.seq for event in seen] == list(range(1, count + 1))
    assert len({(event.session, event.change.type) for event in seen}) == count


FILTERS = st.builds(
    EventFilter,
    sessions=st.none() | st.frozensets(st.sampled_from([SessionRef("acme", f"s{n}") for n in range(4)])),
    providers=st.none() | st.frozensets(st.sampled_from(["acme", "umbrella"])),
    types=st.none() | st.frozensets(st.sampled_from(ChangeType)),
    to_statuses=st.none() | st.frozensets(st.sampled_from(SessionStatus)),
)


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[Session, Change]]:
    """Changes of a few sessions of two providers."""
    change = st.builds(
        Change,
        type=st.none() | st.sampled_from(ChangeType),
        to_status=st.none() | st.sampled_from(SessionStatus),
        participant=st.none() | st.text(max_size=3),
    )
    who = st.builds(lambda key, provider: session(key, provider=provider), KEYS, st.sampled_from(["acme", "umbrella"]))
    return draw(st.lists(st.tuples(who, change), max_size=12))


KEYS = st.sampled_from([f"s{n}" for n in range(4)])


@examples(25)
@given(happened=happenings(), wanted=FILTERS, after=st.integers(0, 14))
async def test_filter_in_sql_equals_filter_in_memory(
    template: Template, happened: list[tuple[Session, Change]], wanted: EventFilter, after: int
) -> None:
    async with fresh_store(template) as store:
        for each, change in happened:
            stored = await store.sessions.load(each.ref)
            state = SessionWrite(seen_at=START, expected_version=stored.version if stored else None, changes=(change,))
            assert await store.sessions.save(each, state)
        log = await everything(store, after)
        assert [event.change for event in log] == [change for _, change in happened[after:]]
        assert await store.events.read(after, 100, wanted) == [event for event in log if wanted.matches(event)]


async def test_trim_removes_old_and_surplus_events(store: Store) -> None:
    for day in range(30):
        state = SessionWrite(seen_at=START + timedelta(days=day), changes=(Change(type=ChangeType.CREATED),))
        assert await store.sessions.save(session(f"s{day}"), state)
    await store.events.trim(START + timedelta(days=10), most=100)
    assert [event.seq for event in await everything(store)] == list(range(11, 31))
    await store.events.trim(START, most=5)
    assert [event.seq for event in await everything(store)] == list(range(26, 31))
    span = await store.events.bounds()
    assert (span.trimmed, span.head) == (25, 30)
    await store.events.trim(START + timedelta(days=400), most=5)
    assert await everything(store) == []
    assert await store.sessions.save(
        session("one more"), SessionWrite(seen_at=START, changes=(Change(type=ChangeType.CREATED),))
    )
    assert [event.seq for event in await everything(store)] == [31], "numbers are never given out again"


async def test_cancelled_write_leaves_no_lock(store: Store) -> None:
    """Cancelled at any point, a write is whole or undone, and the next one need not wait for it."""
    chance = random.Random(7)
    for number in range(150):
        change = SessionWrite(seen_at=START, changes=(Change(type=ChangeType.CREATED),))
        leaving = asyncio.create_task(store.sessions.save(session(f"leaving {number}"), change))
        await asyncio.sleep(chance.uniform(0, 0.004))
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        async with asyncio.timeout(5):
            assert await store.sessions.save(session(f"staying {number}"), change)
    told = {event.session.key for event in await everything(store)}
    kept = [f"leaving {n}" for n in range(150) if await store.sessions.get(session(f"leaving {n}").ref)]
    assert told == {*kept, *(f"staying {n}" for n in range(150))}
