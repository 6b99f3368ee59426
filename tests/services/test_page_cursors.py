"""Page cursors: a round trip keeps them, and a malformed one is refused."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import START

from providers.errors import Invalid
from schema.pagination import Window, cursor, fingerprint, position, window

instants = st.datetimes(timezones=st.just(UTC))
keys = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=3)
QUERY = fingerprint("sessions", None)


@given(at=instants, at_keys=keys)
def test_cursor_round_trips(at: datetime, at_keys: list[str]) -> None:
    text = cursor(QUERY, at, *at_keys)
    assert position(text, QUERY, "after", len(at_keys)) == (at, at_keys)
    assert text.isascii()
    assert not set(text) & set("+/=&?# ")


@given(at=instants, at_keys=keys, other=st.text(max_size=12))
def test_cursor_of_other_query_is_refused(at: datetime, at_keys: list[str], other: str) -> None:
    text = cursor(fingerprint("sessions", other), at, *at_keys)
    with pytest.raises(Invalid, match="another query") as caught:
        position(text, QUERY, "before", len(at_keys))
    assert caught.value.path == ("before",)


def test_cursor_with_wrong_number_of_keys_is_refused() -> None:
    text = cursor(QUERY, START, "acme", "s1")
    for count in (0, 1, 3):
        with pytest.raises(Invalid):
            position(text, QUERY, "after", count)


def _reads_or_refuses(text: str) -> None:
    with suppress(Invalid):
        at, found = position(text, QUERY, "after", 2)
        assert at.tzinfo is UTC
        assert len(found) == 2


@given(text=st.text() | st.binary().map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_malformed_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        position(text, QUERY, "after", 2)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.just(QUERY)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@given(value=json_values)
def test_well_formed_foreign_cursor_is_refused(value: object) -> None:
    _reads_or_refuses(urlsafe_b64encode(msgspec.json.encode(value)).decode())


@pytest.mark.parametrize("at", [10**30, -(10**30), 2**63, 253402300800 * 10**6])
def test_cursor_with_impossible_time_is_refused(at: int) -> None:
    text = urlsafe_b64encode(f'["{QUERY}",{at},["a","b"]]'.encode()).decode()
    with pytest.raises(Invalid):
        position(text, QUERY, "after", 2)


@given(at=instants, place=st.integers(0, 200), byte=st.integers(0, 255), cut=st.booleans())
def test_mutated_cursor_is_refused_or_valid(at: datetime, place: int, byte: int, cut: bool) -> None:
    raw = bytearray(urlsafe_b64decode(cursor(QUERY, at, "acme", "s1") + "=="))
    place %= len(raw)
    if cut:
        del raw[place:]
    else:
        raw[place] = byte
    _reads_or_refuses(urlsafe_b64encode(bytes(raw)).decode())


# how much of a list


@pytest.mark.parametrize("name", ["first", "last"])
@pytest.mark.parametrize("value", [-1, 101, 10**12])
def test_page_size_is_bounded(name: str, value: int) -> None:
    with pytest.raises(Invalid, match="100") as caught:
        window(value if name == "first" else None, None, value if name == "last" else None, None, most=100)
    assert caught.value.path == (name,)


@pytest.mark.parametrize("value", [0, 1, 100])
def test_page_size_may_be_zero_or_the_bound(value: int) -> None:
    assert window(value, "a", None, None, most=100) == Window(value, "a", None, backwards=False)
    assert window(None, None, value, "b", most=100) == Window(value, None, "b", backwards=True)


def test_first_and_last_together_are_refused() -> None:
    with pytest.raises(Invalid):
        window(1, None, 1, None, most=100)


@pytest.mark.parametrize("most", [1, 7, 100])
def test_default_page_size_is_within_the_bound(most: int) -> None:
    assert 0 < window(None, None, None, None, most=most).limit <= most


@pytest.mark.parametrize("more", [False, True])
def test_page_info_says_whether_list_continues(more: bool) -> None:
    forward = window(2, None, None, None, most=9).page_info(["a", "b"], more=more)
    assert (forward.has_previous_page, forward.has_next_page) == (False, more)
    assert (forward.start_cursor, forward.end_cursor) == ("a", "b")
    behind = window(2, "x", None, None, most=9).page_info(["a"], more=more)
    assert (behind.has_previous_page, behind.has_next_page) == (True, more)
    back = window(None, None, 2, "x", most=9).page_info([], more=more)
    assert (back.has_previous_page, back.has_next_page) == (more, True)
    assert (back.start_cursor, back.end_cursor) == (None, None)
