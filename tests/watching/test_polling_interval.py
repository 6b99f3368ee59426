"""Polling interval: due times by followers, changes and due dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.sync.schedule import PollingInterval

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECOND = timedelta(seconds=1)
intervals = st.floats(0.05, 600)
jitters = st.floats(0, 1)
ages = st.floats(0, 10_000_000).map(lambda seconds: timedelta(seconds=seconds))
lapses = st.floats(-1_000_000, 1_000_000).map(lambda seconds: timedelta(seconds=seconds))


@given(interval=intervals, followed=intervals, age=ages, due=st.none() | lapses, jitter=jitters)
def test_next_poll_is_in_the_future_and_within_twenty_intervals(interval, followed, age, due, jitter) -> None:
    polling = PollingInterval(interval, followed)
    at = polling.next_at(NOW, NOW - age, NOW + due if due is not None else None, jitter)
    assert NOW < at <= NOW + timedelta(seconds=interval * 20)


@given(interval=intervals, age=st.floats(0, 10), jitter=jitters)
def test_recently_changed_session_is_polled_within_interval(interval, age, jitter) -> None:
    at = PollingInterval(interval, 1).next_at(NOW, NOW - timedelta(seconds=interval * age), None, jitter)
    assert timedelta(seconds=interval * 0.79) < at - NOW <= timedelta(seconds=interval)


@given(interval=intervals, jitter=jitters, watched=intervals)
def test_jitter_only_shortens_interval(interval, jitter, watched) -> None:
    polling = PollingInterval(interval, watched)
    assert timedelta(seconds=interval * 0.79) < polling.after_change(NOW, jitter) - NOW <= timedelta(seconds=interval)
    assert timedelta(seconds=watched * 0.71) < polling.next_followed_at(NOW, jitter) - NOW <= timedelta(seconds=watched * 0.91)


@given(interval=intervals, age=ages, more=ages, jitter=jitters)
def test_interval_grows_with_time_since_last_change(interval, age, more, jitter) -> None:
    polling = PollingInterval(interval, 1)
    assert polling.next_at(NOW, NOW - age, None, jitter) <= polling.next_at(NOW, NOW - age - more, None, jitter)


@given(age=ages, due=st.floats(0.1, 20), jitter=jitters)
def test_session_is_polled_right_after_its_due_date(age, due, jitter) -> None:
    due_at = NOW + timedelta(seconds=due)
    assert PollingInterval(30, 2).next_at(NOW, NOW - age, due_at, jitter) <= due_at + SECOND


def test_due_date_counts_as_change() -> None:
    long_ago = NOW - timedelta(days=30)
    assert PollingInterval(30, 2).next_at(NOW, long_ago, None, 1) == NOW + timedelta(minutes=10)
    assert PollingInterval(30, 2).next_at(NOW, long_ago, NOW - SECOND, 1) == NOW + timedelta(seconds=30)
