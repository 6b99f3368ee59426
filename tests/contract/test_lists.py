"""Lists: every session once, newest first, for any offset and limit."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.needs("LIST_SESSIONS")

COUNT = 5


async def several(subject):
    made = []
    for _ in range(COUNT):
        made.append(await subject.make(subject.order(people=1)))
        subject.clock.ahead += 2  # providers tell times to the second
    return made


async def walk(subject, limit):
    """Fetches every page, by the offsets that the adapter gives."""
    pages, offset = [], 0
    for _ in range(10 * COUNT):
        page = await subject.adapter.list_sessions(offset, limit)
        pages.append(page)
        if page.next_offset is None:
            return pages
        assert page.next_offset > offset, "a walk gets somewhere"
        offset = page.next_offset
    raise AssertionError("a walk comes to an end")


async def test_list_has_every_session_newest_first(subject):
    made = await several(subject)
    page = await subject.adapter.list_sessions(0, 50)
    assert [row.key for row in page.sessions] == [session.key for session in reversed(made)]
    assert page.next_offset is None
    assert page.total is None or page.total >= COUNT
    times = [row.created_at for row in page.sessions if row.created_at]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 3, COUNT, COUNT + 1])
async def test_pages_have_every_session_once(subject, limit):
    made = await several(subject)
    pages = await walk(subject, limit)
    assert {row.key for page in pages for row in page.sessions} == {session.key for session in made}
    assert all(len(page.sessions) <= limit for page in pages)
    rows = [row.key for page in pages for row in page.sessions]
    assert list(dict.fromkeys(rows)) == [session.key for session in reversed(made)]


async def test_offset_within_page_skips_nothing(subject):
    made = [session.key for session in reversed(await several(subject))]
    for offset in range(COUNT):
        page = await subject.adapter.list_sessions(offset, 2)
        assert made[offset] in [row.key for row in page.sessions]


async def test_offset_past_the_end_is_an_empty_page(subject):
    await several(subject)
    page = await subject.adapter.list_sessions(1000, 10)
    assert page.sessions == ()
    assert page.next_offset is None


async def test_an_empty_list_is_an_empty_page(subject):
    page = await subject.adapter.list_sessions(0, 10)
    assert (page.sessions, page.next_offset) == ((), None)
    assert page.total in {None, 0}


async def test_rows_are_complete_or_partial(subject):
    made = await subject.make(subject.order(people=1))
    row = (await subject.adapter.list_sessions(0, 10)).sessions[0]
    read = await subject.adapter.fetch_session(made.key)
    assert (row.ref, row.kind, row.status) == (read.ref, read.kind, read.status)
    assert row.partial or row == read


async def test_list_accepts_large_limit(subject):
    await subject.make(subject.order(people=1))
    page = await subject.adapter.list_sessions(0, 100_000)
    assert len(page.sessions) == 1
