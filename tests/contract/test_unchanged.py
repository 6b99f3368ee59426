"""Response memo: a repeated read returns the known session exactly where nothing has changed."""

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
    """The same read by an adapter without a memo."""
    async with subject.provider.adapter(subject.settings, clock=subject.clock) as fresh:
        return await fresh.fetch_session(known.key, known)


async def test_repeated_read_equals_read_without_memo(subject):
    made = await subject.make()
    known = await _read_again(subject, made)
    assert is_unchanged(known, await _read_by_another(subject, known))
    ended = await _read_again(subject, await subject.sign(known))
    assert ended.final
    assert is_unchanged(ended, await _read_by_another(subject, ended))


@SIGNS
async def test_change_at_provider_is_read_at_once(subject):
    known = await _read_again(subject, await subject.make(subject.order(people=1)))
    await subject.sandbox.sign((known.parts or (known.key,))[0])
    seen = await subject.adapter.fetch_session(known.key, known)
    assert not is_unchanged(known, seen)
    assert [person.status for person in seen.participants] != [person.status for person in known.participants]


@SIGNS
@pytest.mark.parametrize("otherwise", [{"title": "Another"}, {"participants": ()}, {"partial": True}])
async def test_session_is_translated_again_when_known_session_differs(subject, otherwise):
    known = await _read_again(subject, await subject.make())
    other = replace(known, **otherwise)
    assert is_unchanged(await subject.adapter.fetch_session(known.key, other), await _read_by_another(subject, other))


@pytest.mark.needs("CREATE_SESSION", where=lambda can: can.due_date)
async def test_session_expires_though_its_answer_is_unchanged(subject):
    known = await _read_again(subject, await subject.make(subject.order(people=1)))
    subject.clock.ahead += (known.due_at - subject.clock.now()).total_seconds() + 1
    seen = await subject.adapter.fetch_session(known.key, known)
    assert seen.status == "EXPIRED"
