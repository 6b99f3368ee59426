"""How often a session is looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.sync.polling_interval import Cadence

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECOND = timedelta(seconds=1)
intervals = st.floats(0.05, 600)
lucks = st.floats(0, 1)
ages = st.floats(0, 10_000_000).map(lambda seconds: timedelta(seconds=seconds))
lapses = st.floats(-1_000_000, 1_000_000).map(lambda seconds: timedelta(seconds=seconds))


@given(interval=intervals, followed=intervals, age=ages, due=st.none() | lapses, luck=lucks)
def test_the_next_look_lies_ahead_and_never_beyond_twenty_intervals(interval, followed, age, due, luck) -> None:
    cadence = Cadence(interval, followed)
    at = cadence.next_at(NOW, NOW - age, NOW + due if due is not None else None, luck)
    assert NOW < at <= NOW + timedelta(seconds=interval * 20)


@given(interval=intervals, age=st.floats(0, 10), luck=lucks)
def test_what_has_changed_lately_is_looked_at_within_the_interval(interval, age, luck) -> None:
    at = Cadence(interval, 1).next_at(NOW, NOW - timedelta(seconds=interval * age), None, luck)
    assert timedelta(seconds=interval * 0.79) < at - NOW <= timedelta(seconds=interval)


@given(interval=intervals, luck=lucks, watched=intervals)
def test_luck_only_ever_shortens_what_was_promised(interval, luck, watched) -> None:
    cadence = Cadence(interval, watched)
    assert timedelta(seconds=interval * 0.79) < cadence.soon(NOW, luck) - NOW <= timedelta(seconds=interval)
    assert timedelta(seconds=watched * 0.71) < cadence.followed_at(NOW, luck) - NOW <= timedelta(seconds=watched * 0.91)


@given(interval=intervals, age=ages, more=ages, luck=lucks)
def test_the_longer_it_is_quiet_the_more_seldom_it_is_looked_at(interval, age, more, luck) -> None:
    cadence = Cadence(interval, 1)
    assert cadence.next_at(NOW, NOW - age, None, luck) <= cadence.next_at(NOW, NOW - age - more, None, luck)


@given(age=ages, due=st.floats(0.1, 20), luck=lucks)
def test_a_look_comes_right_after_the_due_date(age, due, luck) -> None:
    due_at = NOW + timedelta(seconds=due)
    assert Cadence(30, 2).next_at(NOW, NOW - age, due_at, luck) <= due_at + SECOND


def test_one_that_has_just_become_due_counts_as_one_that_has_just_changed() -> None:
    long_ago = NOW - timedelta(days=30)
    assert Cadence(30, 2).next_at(NOW, long_ago, None, 1) == NOW + timedelta(minutes=10)
    assert Cadence(30, 2).next_at(NOW, long_ago, NOW - SECOND, 1) == NOW + timedelta(seconds=30)
