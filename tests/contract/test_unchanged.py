"""A session that is read again and has not changed is what it was, and one that has changed is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.model import SessionKind
from providers.model.change import is_unchanged

SIGNS = pytest.mark.needs("CREATE_SESSION", where=lambda can: can.session_kind is SessionKind.SIGNING)


async def _read_again(subject, known, times=3):
    for _ in range(times):
        known = await subject.adapter.fetch_session(known.key, known)
    return known


async def _read_by_another(subject, known):
    """The same reading by an adapter that remembers nothing."""
    async with subject.provider.adapter(subject.settings, clock=subject.clock) as fresh:
        return await fresh.fetch_session(known.key, known)


async def test_a_reading_repeated_is_what_one_without_memory_comes_to(subject):
    made = await subject.make()
    known = await _read_again(subject, made)
    assert is_unchanged(known, await _read_by_another(subject, known))
    ended = await _read_again(subject, await subject.sign(known))
    assert ended.final
    assert is_unchanged(ended, await _read_by_another(subject, ended))


@SIGNS
async def test_what_the_provider_changes_is_seen_at_once(subject):
    known = await _read_again(subject, await subject.make(subject.order(people=1)))
    await subject.sandbox.sign((known.parts or (known.key,))[0])
    seen = await subject.adapter.fetch_session(known.key, known)
    assert not is_unchanged(known, seen)
    assert [person.status for person in seen.participants] != [person.status for person in known.participants]


@SIGNS
@pytest.mark.parametrize("otherwise", [{"title": "Another"}, {"participants": ()}, {"partial": True}])
async def test_what_is_known_otherwise_is_read_all_the_same(subject, otherwise):
    known = await _read_again(subject, await subject.make())
    other = replace(known, **otherwise)
    assert is_unchanged(await subject.adapter.fetch_session(known.key, other), await _read_by_another(subject, other))


@pytest.mark.needs("CREATE_SESSION", where=lambda can: can.due_date)
async def test_what_comes_due_is_read_though_nothing_was_answered_that_is_new(subject):
    known = await _read_again(subject, await subject.make(subject.order(people=1)))
    subject.clock.ahead += (known.due_at - subject.clock.now()).total_seconds() + 1
    seen = await subject.adapter.fetch_session(known.key, known)
    assert seen.status == "EXPIRED"
