"""LRU cache: eviction by entries and by weight, against a model of it."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.lru import LruCache

MOVES = st.lists(
    st.tuples(st.sampled_from(["put", "get", "peek", "discard"]), st.integers(0, 6), st.integers(1, 5)), max_size=50
)


@settings(max_examples=200, deadline=None)
@given(moves=MOVES, entries=st.integers(1, 5), bound=st.none() | st.integers(1, 12))
def test_least_recently_used_are_evicted_once_a_bound_is_passed(
    moves: list[tuple[str, int, int]], entries: int, bound: int | None
) -> None:
    cache, model = LruCache[int, int](entries, bound), OrderedDict[int, int]()
    for move, key, weight in moves:
        match move:
            case "put":
                cache.put(key, weight, weight)
                model[key] = weight
                model.move_to_end(key)
            case "get":
                assert cache.get(key) == model.get(key)
                if key in model:
                    model.move_to_end(key)
            case "peek":
                assert cache.peek(key) == model.get(key)
            case _:
                cache.discard(key)
                model.pop(key, None)
        while len(model) > entries or (bound is not None and sum(model.values()) > bound and len(model) > 1):
            model.popitem(last=False)
        assert list(cache.items()) == list(model.items())
        assert cache.weight == (sum(model.values()) if bound is not None else 0)
        assert len(cache) == len(model)


def test_an_entry_that_grows_evicts_others_but_never_itself_when_used_last() -> None:
    cache = LruCache[str, str](10, 100)
    cache.put("old", "a", 40)
    cache.put("new", "b", 40)
    cache.reweigh("new", 500)
    assert [key for key, _ in cache.items()] == ["new"]
    assert cache.weight == 500


def test_clear_forgets_entries_and_their_weight() -> None:
    cache = LruCache[str, str](10, 100)
    cache.put("a", "a", 40)
    cache.clear()
    assert (len(cache), cache.weight, "a" in cache) == (0, 0, False)
