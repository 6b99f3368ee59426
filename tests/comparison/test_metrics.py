"""What is counted is kept once: by minute, then by hour, whichever gateways do it, and for as long as it is said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError
from stage import Hands

from gateway.config import MetricSettings
from gateway.metrics import MetricRecorder
from gateway.metrics.histogram import RELATIVE_ERROR, Histogram, merged
from gateway.metrics.recorder import MINUTE_RETENTION
from gateway.metrics.tally import Tally, decode
from gateway.store import Store
from gateway.store.metrics import HOUR, MINUTE
from providers.model import Participant, ParticipantRole, ParticipantStatus, Session, SessionKind, SessionStatus
from providers.model.change import find_changes

lengths = st.lists(st.floats(min_value=1e-5, max_value=1e6), min_size=1, max_size=200)


@given(lengths, st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_quantile_is_within_the_stated_error_of_the_true_value(values: list[float], parts: list[float]) -> None:
    histogram = Histogram()
    histogram.add(values)
    exact = sorted(values)
    for part, found in zip(parts, histogram.quantiles(*parts), strict=True):
        assert found == pytest.approx(exact[int(part * (len(values) - 1))], rel=RELATIVE_ERROR * 1.0001)
    assert histogram.longest == max(values)


@given(st.lists(lengths, min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_merged_histograms_are_the_histogram_of_all(lists: list[list[float]]) -> None:
    apart, whole = [Histogram() for _ in lists], Histogram()
    for each, values in zip(apart, lists, strict=True):
        each.add(values)
        whole.add(values)
    assert merged(apart) == merged(reversed(apart)) == whole


def test_what_takes_no_time_or_all_of_it_is_counted_in_bounded_room() -> None:
    histogram = Histogram()
    histogram.add([0.0, -1.0, 1e-9, 1e300, *(10 ** (power / 10) for power in range(-90, 200))])
    assert histogram.count == 294
    assert len(histogram.bins) < 1_800
    assert histogram.quantiles(0.0) == [0.0]


@pytest.fixture
async def store(database: str) -> Any:
    opened = await Store.open(SecretStr(database))
    yield opened
    await opened.close()


async def kept(store: Store, since: Any) -> tuple[Tally, list[int]]:
    rows = await store.metrics.read_since(since, ["seal"])
    whole = Tally()
    for row in rows:
        whole.merge(decode(row.body))
    return whole, [row.span for row in rows]


def calls(tally: Tally) -> int:
    return sum(each.count for outcomes in tally.calls.values() for each in outcomes.values())


async def test_minutes_become_hours_once_whoever_makes_them(store: Store) -> None:
    clock = Hands()
    begin = clock.at - timedelta(hours=1)
    gateways = [MetricRecorder(store, MetricSettings(), clock) for _ in range(2)]
    meters = [each.meter("seal") for each in gateways]
    for minute in range(90):
        for count, meter in enumerate(meters, start=1):
            for _ in range(count):
                meter("LIST_SESSIONS", "OK", 0.001 * (minute + 1))
        await asyncio.gather(*(each.flush() for each in gateways))
        clock.pass_(minutes=1)
    before, spans = await kept(store, begin)
    assert (calls(before), set(spans)) == (270, {MINUTE})
    clock.at += MINUTE_RETENTION + timedelta(hours=1)
    await asyncio.gather(*(each.roll_up() for each in gateways))
    after, spans = await kept(store, begin)
    assert set(spans) == {HOUR}
    assert len(spans) <= 6
    assert after == before
    await asyncio.gather(*(each.roll_up() for each in gateways))
    assert await kept(store, begin) == (after, spans)


async def test_a_minute_that_comes_late_joins_its_hour(store: Store) -> None:
    clock = Hands()
    begin, metrics = clock.at - timedelta(hours=1), MetricRecorder(store, MetricSettings(), clock)
    meter = metrics.meter("seal")
    for _ in range(2):
        meter("LIST_SESSIONS", "OK", 0.01)
        await metrics.flush()
        clock.at += MINUTE_RETENTION + timedelta(hours=1)
        await metrics.roll_up()
        clock.at -= MINUTE_RETENTION + timedelta(hours=1) - timedelta(minutes=1)
    whole, spans = await kept(store, begin)
    assert (calls(whole), spans) == (2, [HOUR])


async def test_figures_are_kept_for_as_long_as_it_is_said(store: Store) -> None:
    clock = Hands()
    begin, metrics = clock.at - timedelta(hours=1), MetricRecorder(store, MetricSettings(), clock)
    metrics.meter("seal")("LIST_SESSIONS", "OK", 0.01)
    await metrics.flush()
    clock.pass_(days=89)
    await metrics.roll_up()
    assert calls((await kept(store, begin))[0]) == 1
    clock.pass_(days=2)
    await metrics.roll_up()
    assert calls((await kept(store, begin))[0]) == 0


async def rename(store: Store, before: str, after: str) -> None:
    async with store._engine.begin() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")


async def test_what_cannot_be_kept_is_kept_later_and_once(store: Store) -> None:
    clock = Hands()
    begin = clock.at - timedelta(hours=1)
    metrics = MetricRecorder(store, MetricSettings(), clock)
    meter = metrics.meter("seal")
    meter("LIST_SESSIONS", "OK", 0.01)
    await metrics.flush()
    await rename(store, "metric", "elsewhere")
    for _ in range(3):
        meter("LIST_SESSIONS", "OK", 0.01)
        with pytest.raises(DBAPIError):
            await metrics.flush()
        clock.pass_(minutes=1)
    await rename(store, "elsewhere", "metric")
    await metrics.flush()
    await metrics.flush()
    assert calls((await kept(store, begin))[0]) == 4


async def test_the_last_figures_are_kept_when_a_gateway_ends(store: Store) -> None:
    clock = Hands()
    metrics = MetricRecorder(store, MetricSettings(flush=3600.0), clock)
    await metrics.open()
    metrics.meter("seal")("LIST_SESSIONS", "OK", 0.01)
    await metrics.close()
    assert calls((await kept(store, clock.at - timedelta(hours=1)))[0]) == 1


def session(clock: Hands, **told: Any) -> Session:
    waits = SessionStatus.PENDING
    made = Session(
        provider="seal", key="1", kind=SessionKind.SEALING, status=waits, provider_status="READY", created_at=clock.at
    )
    return replace(made, **told)


async def seen(store: Store, clock: Hands, *states: Session) -> Tally:
    metrics, known = MetricRecorder(store, MetricSettings(), clock), None
    for state in states:
        metrics.record_change(known, state, find_changes(known, state))
        known = state
    await metrics.flush()
    return (await kept(store, clock.at - timedelta(hours=1)))[0]


async def test_words_that_nobody_knows_are_counted_each_time_that_they_are_news(store: Store) -> None:
    clock = Hands()
    first = session(clock)
    unknown = replace(first, status=SessionStatus.UNKNOWN, provider_status="MELTED")
    person = Participant(
        session=first.ref, key="p", role=ParticipantRole.SIGNER, status=ParticipantStatus.UNKNOWN, provider_status="Asleep"
    )
    tally = await seen(store, clock, first, unknown, replace(unknown, title="x"), replace(unknown, participants=(person,)))
    assert tally.unknown == 2


async def test_what_was_over_before_anybody_looked_is_history(store: Store) -> None:
    clock = Hands()
    old = session(clock, created_at=clock.at - timedelta(days=3), status=SessionStatus.COMPLETED, completed_at=clock.at)
    assert (await seen(store, clock, old)).sessions == {}


async def test_a_session_that_was_old_when_it_was_found_counts_when_it_ends(store: Store) -> None:
    clock = Hands()
    old = session(clock, created_at=clock.at - timedelta(days=3))
    done = replace(old, status=SessionStatus.COMPLETED, completed_at=clock.at - timedelta(seconds=4))
    tally = await seen(store, clock, old, done)
    assert tally.sessions == {"COMPLETED": 1}
    (lag,), (took,) = tally.lag.quantiles(0.5), tally.completion.quantiles(0.5)
    assert lag == pytest.approx(4, rel=RELATIVE_ERROR)
    assert took == pytest.approx(3 * 86_400 - 4, rel=RELATIVE_ERROR)


async def test_an_end_that_is_corrected_is_counted_as_what_it_was(store: Store) -> None:
    clock = Hands()
    first = session(clock)
    late = replace(first, status=SessionStatus.EXPIRED)
    done = replace(first, status=SessionStatus.COMPLETED)
    tally = await seen(store, clock, first, late, done)
    assert tally.sessions == {"CREATED": 1, "EXPIRED": 0, "COMPLETED": 1}
