"""Event cursor: names one event of one log, also after a backup was restored."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update
from stage import START, session

from gateway.store import EventCursor, SessionWrite, Store, parse_event_cursor, tables
from providers.errors import Invalid
from providers.model.change import Change, ChangeType

OF_FORMER_BUILDS = {0: "ZXZlbnQ6MA", 7: "ZXZlbnQ6Nw", 2**63 - 1: "ZXZlbnQ6OTIyMzM3MjAzNjg1NDc3NTgwNw"}


async def happen(store: Store, *keys: str, days: int = 0) -> None:
    """Something happens to sessions, one after the other."""
    for key in keys:
        stored = await store.sessions.load(session(key).ref)
        seen_at = START + timedelta(days=days)
        state = SessionWrite(
            seen_at=seen_at, expected_version=stored and stored.version, changes=(Change(type=ChangeType.CREATED),)
        )
        assert await store.sessions.save(session(key), state)


async def lose(store: Store, behind: int) -> None:
    """The log is as it was when a backup was made."""
    async with store.events._engine.begin() as connection:
        await connection.execute(delete(tables.event).where(tables.event.c.seq > behind))
        await connection.execute(delete(tables.session))
        await connection.execute(update(tables.log).values(head=behind))


async def cursors(store: Store) -> list[EventCursor]:
    """The cursors of all events, as clients give them back."""
    found = [parse_event_cursor(event.cursor) for event in await store.events.read(0, 1_000)]
    return [cursor for cursor in found if cursor is not None]


async def head(store: Store) -> EventCursor:
    cursor = parse_event_cursor((await store.events.bounds()).cursor)
    assert cursor is not None
    return cursor


async def test_cursor_of_lost_event_is_refused_when_restored_log_has_grown_past_it(store: Store) -> None:
    await happen(store, *"abcdef")
    given_out = await cursors(store)
    await lose(store, behind=3)
    assert [await store.events.can_resume(each) for each in given_out] == [True] * 3 + [False] * 3, "the log is shorter"
    await happen(store, *"uvwxyz")
    assert [await store.events.can_resume(each) for each in given_out] == [True] * 3 + [False] * 3, "others have the numbers"


async def test_cursor_of_lost_event_is_refused_when_same_sessions_are_read_again(store: Store) -> None:
    await happen(store, *"abcdef")
    given_out = await cursors(store)
    await lose(store, behind=3)
    await happen(store, *"defg", days=1)
    assert [await store.events.can_resume(each) for each in given_out] == [True] * 3 + [False] * 3


async def test_cursor_of_head_is_valid_from_empty_to_trimmed_log(store: Store) -> None:
    places = [await head(store)]
    for key in "abcdef":
        await happen(store, key)
        places.append(await head(store))
    assert [place.seq for place in places] == list(range(7))
    assert places[1:] == await cursors(store)
    assert all([await store.events.can_resume(each) for each in places])
    await store.events.trim(START, most=2)
    assert [await store.events.can_resume(each) for each in places] == [False] * 4 + [True] * 3
    await store.events.trim(START + timedelta(days=1), most=0)
    assert [await store.events.can_resume(each) for each in places] == [False] * 6 + [True]
    assert await head(store) == places[6]


async def test_cursor_of_another_epoch_is_refused(store: Store) -> None:
    await happen(store, *"abc")
    given_out = [await head(store), *await cursors(store)]
    await store.events.begin_epoch()
    assert not any([await store.events.can_resume(each) for each in [*given_out, EventCursor(0), EventCursor(3)]])
    assert all([await store.events.can_resume(each) for each in [await head(store), *await cursors(store)]])


async def test_cursor_of_former_build_is_valid_up_to_the_head_at_the_upgrade(store: Store) -> None:
    await happen(store, *"abc")
    async with store.events._engine.begin() as connection:
        await connection.execute(update(tables.log).values(unmarked=3))
    await happen(store, *"def")
    assert [await store.events.can_resume(EventCursor(seq)) for seq in range(8)] == [True] * 4 + [False] * 4


@pytest.mark.parametrize("seq", OF_FORMER_BUILDS)
def test_cursor_of_former_build_is_decoded(seq: int) -> None:
    assert parse_event_cursor(OF_FORMER_BUILDS[seq]) == EventCursor(seq)
    assert str(EventCursor(seq)) == OF_FORMER_BUILDS[seq]


@given(seq=st.integers(0, 2**63 - 1), mark=st.integers(0, 2**63 - 1))
def test_cursor_is_decoded_as_it_was_encoded(seq: int, mark: int) -> None:
    assert parse_event_cursor(str(EventCursor(seq, mark))) == EventCursor(seq, mark)


@given(text=st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_cursor_that_no_gateway_encoded_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        parse_event_cursor(text)
