"""Saga of a creation: compensated completely at whichever call it fails."""

from __future__ import annotations

import pytest
from subject import READS, BrokenWrite
from test_lifecycle import present

from providers.errors import InDoubt, ProviderError, SigningError, Unavailable
from providers.saga import Steps

pytestmark = pytest.mark.needs("CREATE_SESSION")


async def writes_of_a_creation(subject):
    heard = len(subject.sandbox.calls)
    await subject.make()
    return [call for call in subject.calls_since(heard) if call.method not in READS and "token" not in call.path]


async def test_creation_that_fails_at_any_call_is_compensated_completely(subject):
    writes = await writes_of_a_creation(subject)
    assert len(writes) >= 2
    before = present(subject)
    for number in range(len(writes)):
        steps = Steps()
        subject.sandbox.faults[:] = [BrokenWrite(status=500, skip=number)]
        failed = await attempt(subject, steps)
        subject.sandbox.faults.clear()
        subject.clock.ahead += 60  # past the circuit's pause
        assert failed, f"write {number + 1} of {len(writes)} failed unnoticed"
        for step in reversed(steps.entries):
            await subject.adapter.compensate(step)
        assert present(subject) == before, f"after write {number + 1} of {len(writes)}"


async def attempt(subject, steps):
    try:
        made = await subject.make(steps=steps)
    except ProviderError as error:
        return isinstance(error, Unavailable | InDoubt)
    # What is not essential may fail without a word, as long as the session is there.
    return (await subject.adapter.fetch_session(made.key, made)).ref == made.ref


@pytest.mark.parametrize("silence", ["reset", "lost"])
async def test_no_call_of_creation_that_may_have_landed_is_sent_twice(subject, silence):
    writes = await writes_of_a_creation(subject)
    for number in range(len(writes)):
        fault = BrokenWrite(kind=silence, skip=number)
        subject.sandbox.faults[:] = [fault]
        heard, before = len(subject.sandbox.calls), present(subject)
        outcome = await outcome_of_a_creation(subject)
        subject.sandbox.faults.clear()
        subject.clock.ahead += 60
        method, path = fault.target
        times = sum((call.method, call.path, call.status) == (method, path, 0) for call in subject.calls_since(heard))
        what = f"{method} {path} was sent {times} times: {outcome}"
        if times == 1 and method == "POST":
            assert outcome in {"InDoubt", "settled"}, what
        elif method == "POST":
            assert present(subject) == before, f"only what nobody gets to see may be sent again, but {what}"


async def outcome_of_a_creation(subject):
    try:
        await subject.make()
    except SigningError as error:
        return type(error).__name__
    return "settled"


async def test_compensation_is_idempotent_after_failed_creation(subject):
    before = present(subject)
    steps = Steps()
    subject.sandbox.faults[:] = [BrokenWrite(status=403, skip=1)]
    with pytest.raises(SigningError):
        await subject.make(steps=steps)
    subject.sandbox.faults.clear()
    for step in reversed(steps.entries):
        await subject.adapter.compensate(step)
        await subject.adapter.compensate(step)
    assert present(subject) == before
