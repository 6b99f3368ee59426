"""Page cache: pages of one state of the list, within bounds."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from stage import session

from gateway.cache.page_cache import ListPage, PageCache
from gateway.store import Position, SessionRow

AT = datetime(2026, 1, 1, tzinfo=UTC)


def rows(count: int) -> ListPage:
    found = [SessionRow(session(str(number)), Position(AT, "acme", str(number))) for number in range(count)]
    return ListPage(found, more=False, whole=True)


def test_page_is_cached_until_list_changes() -> None:
    pages, page = PageCache(), rows(2)
    assert pages.get("first", 1) is None
    pages.put("first", 1, page)
    assert pages.get("first", 1) is page
    assert pages.get("first", 2) is None
    assert pages.get("first", 1) is None


def test_page_read_before_change_is_not_cached() -> None:
    pages = PageCache()
    assert pages.get("first", 1) is None
    assert pages.get("second", 2) is None
    pages.put("first", 1, rows(2))
    assert pages.get("first", 2) is None


@given(asked=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=60), most=st.integers(1, 20))
def test_rows_of_all_pages_are_bounded(asked: list[tuple[int, int]], most: int) -> None:
    pages, held = PageCache(most), {number: rows(number % 6) for number in range(10)}
    for key, _ in asked:
        found = pages.get(key, 1)
        assert found is None or found is held[key]
        pages.put(key, 1, held[key])
        assert pages.get(key, 1) is not None or len(held[key].rows) >= most
        assert sum(len(held[each].rows) for each in held if pages.get(each, 1) is not None) <= most
