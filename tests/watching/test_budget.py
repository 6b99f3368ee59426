"""Call budget and backoff of a poller."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookout import Leap

from gateway.sync.backoff import Backoff
from gateway.sync.budget import CallBudget, Priority
from providers.errors import AuthorizationRequired, Busy, Unavailable
from providers.http.credentials import Credentials, CredentialState

FOREVER = 1e9
UP = Credentials(CredentialState.CONNECTED)


class Meter:
    """A budget, and the instants of the calls that went out under it."""

    def __init__(self, per_minute: int, patience: float = FOREVER) -> None:
        self.clock = Leap()
        self.calls: list[float] = []
        self.others = 0
        self.budget = CallBudget(per_minute, lambda: len(self.calls) + self.others, self.clock, patience)

    async def call(self, priority: Priority) -> None:
        async with self.budget.reserve(priority):
            self.calls.append(self.clock.at)

    def busiest_minute(self) -> int:
        return max((sum(start <= each < start + 60 for each in self.calls) for start in self.calls), default=0)


@settings(max_examples=40, deadline=None)
@given(
    per_minute=st.integers(1, 300),
    pauses=st.lists(st.tuples(st.floats(0, 90), st.sampled_from(Priority), st.integers(1, 40)), max_size=20),
)
async def test_budget_is_never_exceeded_in_any_minute(per_minute: int, pauses: list[tuple[float, Priority, int]]) -> None:
    meter = Meter(per_minute)
    for pause, priority, calls in pauses:
        meter.clock.at += pause
        for _ in range(calls):
            await meter.call(priority)
    assert meter.busiest_minute() <= max(per_minute, 1) + 1


async def test_budget_is_used_up_under_demand() -> None:
    meter = Meter(240)
    while meter.clock.at < 600:
        await meter.call(Priority.FOLLOWED)
    assert 0.7 * 240 * 10 < len(meter.calls) <= 240 * 10


async def test_higher_priority_goes_first_when_calls_are_short() -> None:
    meter = Meter(60)
    for _ in range(5):
        await meter.call(Priority.FOLLOWED)
    waits = [meter.budget.wait(priority) for priority in Priority]
    assert waits == sorted(waits)
    assert waits[0] < waits[1] < waits[2]


async def test_calls_of_users_count_but_polling_never_stops() -> None:
    meter = Meter(240, patience=120)
    while meter.clock.at < 600:
        meter.others += 10
        meter.clock.at += 1
        for priority in Priority:
            if meter.budget.wait(priority) == 0:
                await meter.call(priority)
    assert len(meter.calls) == len(Priority) * 5


async def test_backoff_doubles_after_failures_and_resets_after_success() -> None:
    clock = Leap()
    backoff = Backoff(clock, lambda: UP, jitter=lambda: 1.0)
    waits = []
    for _ in range(12):
        backoff.record_failure(Unavailable("no"))
        backoff.record_failure(Unavailable("no"))  # at the same time
        waits.append(backoff.remaining())
        clock.at += backoff.remaining()
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    backoff.record_failure(Unavailable("no"))
    backoff.record_success()
    assert backoff.remaining() == 0


@given(jitter=st.floats(0, 1), asked=st.floats(0, 3000))
def test_backoff_lasts_at_least_as_long_as_retry_after(jitter: float, asked: float) -> None:
    backoff = Backoff(Leap(), lambda: UP, jitter=lambda: jitter)
    backoff.record_failure(Busy("later", retry_after=asked))
    assert backoff.remaining() >= asked


def test_backoff_after_refused_credentials_ends_with_other_credentials() -> None:
    clock, now = Leap(), [Credentials(CredentialState.REFUSED)]
    backoff = Backoff(clock, lambda: now[0], jitter=lambda: 0.0)
    backoff.record_failure(AuthorizationRequired("no"))
    assert backoff.remaining() >= 150
    now[0] = UP
    assert backoff.remaining() == pytest.approx(0)
