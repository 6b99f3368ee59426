"""Session cache: bounded, short-lived, and never older than the last event."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import START, session

from gateway.cache.session_cache import SessionCache
from gateway.config import FreshnessSettings
from gateway.store import StoredSession
from providers.model import SessionRef, SessionStatus

DONE = SessionStatus.COMPLETED


@pytest.fixture
async def cache() -> AsyncIterator[SessionCache]:
    cache = SessionCache(FreshnessSettings(), max_entries=3)
    yield cache
    cache.clear()


async def test_session_is_cached_until_dropped(cache: SessionCache) -> None:
    mine = session()
    assert cache.get(mine.ref) is None
    cache.put(StoredSession(mine, 1))
    assert cache.get(mine.ref) is mine
    assert cache.get(SessionRef("umbrella", mine.key)) is None
    cache.drop(mine.ref)
    cache.drop(mine.ref)
    assert cache.get(mine.ref) is None


@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(st.tuples(st.sampled_from(["put", "get", "drop"]), st.integers(0, 6)), max_size=40), most=st.integers(1, 4)
)
async def test_least_recently_used_session_is_evicted(moves: list[tuple[str, int]], most: int) -> None:
    cache, model = SessionCache(FreshnessSettings(), max_entries=most), OrderedDict[int, None]()
    for move, number in moves:
        each = session(str(number))
        if move == "put":
            cache.put(StoredSession(each, 1))
            model[number] = None
        elif move == "drop":
            cache.drop(each.ref)
            model.pop(number, None)
        else:
            assert (cache.get(each.ref) is not None) == (number in model)
        if move != "drop" and number in model:
            model.move_to_end(number)
        while len(model) > most:
            model.popitem(last=False)
    found = [number for number in range(7) if cache.get(session(str(number)).ref)]
    assert found == sorted(model)
    cache.clear()


async def test_open_session_expires_before_final_one() -> None:
    cache = SessionCache(FreshnessSettings(open=0.02, final=60))
    cache.put(StoredSession(session("open"), 1))
    cache.put(StoredSession(session("final", DONE), 1))
    await asyncio.sleep(0.05)
    assert cache.get(session("open").ref) is None
    assert cache.get(session("final").ref) is not None
    cache.clear()


async def test_final_state_outlives_ttl_of_open_one() -> None:
    cache = SessionCache(FreshnessSettings(open=0.02, final=60))
    cache.put(StoredSession(session(), 1))
    cache.put(StoredSession(session(status=DONE), 1))
    await asyncio.sleep(0.05)
    assert cache.get(session().ref) is not None
    cache.clear()


async def test_uncacheable_newer_state_evicts_older_one() -> None:
    cache = SessionCache(FreshnessSettings(open=60, final=0))
    cache.put(StoredSession(session(), 1))
    cache.put(StoredSession(session(status=DONE), 1))
    assert cache.get(session().ref) is None
    cache.clear()


async def test_older_state_does_not_replace_newer_one(cache: SessionCache) -> None:
    newer, older = session(status=DONE, observed_at=START), session(observed_at=START - timedelta(microseconds=1))
    cache.put(StoredSession(newer, 1))
    cache.put(StoredSession(older, 1))
    assert cache.get(newer.ref) is newer
    same = session(observed_at=START)
    cache.put(StoredSession(same, 1))
    assert cache.get(newer.ref) is same


async def test_clear_evicts_everything() -> None:
    cache = SessionCache(FreshnessSettings())
    cache.put(StoredSession(session(), 1))
    cache.clear()
    assert cache.get(session().ref) is None
