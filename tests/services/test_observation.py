"""The one door for change: merges an observed state into the stored one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import START, Hands, Template, examples, fresh_store, paper, session, sessions, signature, signer

from gateway.cache.negative_cache import NegativeCache
from gateway.cache.session_cache import SessionCache
from gateway.cache.shared_freshness import SharedFreshness
from gateway.config import FreshnessSettings
from gateway.signing.sessions.observe import Observation
from gateway.store import Store
from providers.model import ChangeSource, Session, SessionStatus
from providers.model.change import is_unchanged

POLL, READ, MUTATION = ChangeSource.POLL, ChangeSource.READ, ChangeSource.MUTATION
REF = session().ref
HALF_A_MINUTE = timedelta(seconds=30)
ALONE = SharedFreshness(None, 5, Hands())


@pytest.fixture
async def cache() -> AsyncIterator[SessionCache]:
    cache = SessionCache(FreshnessSettings())
    yield cache
    cache.clear()


@pytest.fixture
def observation(store: Store, cache: SessionCache, clock: Hands) -> Observation:
    return Observation(
        store,
        cache,
        NegativeCache(5, Hands()),
        ALONE,
        clock,
        notify=lambda: None,
        next_poll_at=lambda name: START + HALF_A_MINUTE,
    )


def full(status: SessionStatus = SessionStatus.PENDING, **known: object) -> Session:
    """A session read by itself, with all that belongs to it."""
    children = {
        "documents": (paper(REF, "d1"),),
        "participants": (signer(REF, "p1", email="ann@acme.test"),),
        "signatures": (signature(REF, "g1"),),
        "title": "Contract",
        "created_at": START - timedelta(days=1),
        "reference": "ours",
    }
    return session(status=status, **(children | known))


def row(status: SessionStatus, **known: object) -> Session:
    """The same as a row of a list."""
    return session(status=status, partial=True, **known)


async def test_first_state_is_stored_as_seen(observation: Observation, store: Store, cache: SessionCache) -> None:
    seen = await observation.observe(full(stale=True), MUTATION)
    assert seen == replace(full(), observed_at=START, source=MUTATION, stale=False)
    assert await store.sessions.get(REF) == seen
    assert cache.get(REF) == seen


@pytest.mark.parametrize("final", [status for status in SessionStatus if status.final])
@pytest.mark.parametrize("told", [SessionStatus.PENDING, SessionStatus.UNKNOWN, SessionStatus.EXPIRED])
async def test_row_never_reverts_final_status(observation: Observation, final: SessionStatus, told: SessionStatus) -> None:
    known = await observation.observe(full(final), READ)
    assert replace(await observation.observe(row(told), POLL), source=READ) == known


async def test_only_full_read_corrects_final_status(observation: Observation) -> None:
    await observation.observe(full(SessionStatus.EXPIRED), READ)
    assert (await observation.observe(full(SessionStatus.COMPLETED), READ)).status is SessionStatus.COMPLETED


async def test_row_changes_only_its_own_fields(observation: Observation, clock: Hands) -> None:
    await observation.observe(full(), READ)
    clock.pass_(minutes=1)
    seen = await observation.observe(row(SessionStatus.IN_PROGRESS, due_at=START, provider_status="Half"), POLL)
    changed = full(
        SessionStatus.IN_PROGRESS,
        due_at=START,
        provider_status="Half",
        native=row(SessionStatus.IN_PROGRESS).native,
        partial=True,
        observed_at=clock.now(),
        source=POLL,
    )
    assert seen == changed


async def test_row_can_make_session_final(observation: Observation) -> None:
    await observation.observe(full(), READ)
    seen = await observation.observe(row(SessionStatus.COMPLETED), POLL)
    assert seen.final
    assert seen.partial
    assert seen.documents == full().documents


async def test_full_read_replaces_all_but_creation_date(observation: Observation, store: Store) -> None:
    await observation.observe(full(), READ)
    seen = await observation.observe(session(status=SessionStatus.IN_PROGRESS), READ)
    assert (seen.documents, seen.participants, seen.signatures, seen.title) == ((), (), (), None)
    assert seen.created_at == full().created_at
    assert await store.sessions.get(REF) == seen
    later = await observation.observe(full(created_at=START), READ)
    assert later.created_at == START


@pytest.mark.parametrize("created_at", [None, START])
async def test_stored_state_survives_repeated_observation(observation: Observation, created_at: datetime | None) -> None:
    known = await observation.observe(full(created_at=created_at), READ)
    lasting = known.content_identity
    again = await observation.observe(known, READ)
    assert again is not known
    assert again.content_identity is lasting


@examples(40)
@given(known=sessions(), seen=sessions(), partial=st.booleans())
async def test_stored_state_converges_to_observed_one(template: Template, known: Session, seen: Session, partial: bool) -> None:
    known = replace(known, parts=())
    seen = replace(seen, provider=known.provider, key=known.key, partial=partial, parts=())
    async with fresh_store(template) as store:
        cache = SessionCache(FreshnessSettings())
        observation = Observation(
            store,
            cache,
            NegativeCache(5, Hands()),
            ALONE,
            Hands(),
            notify=lambda: None,
            next_poll_at=lambda name: START + HALF_A_MINUTE,
        )
        before = await observation.observe(known, READ)
        after = await observation.observe(seen, POLL)
        kept = await store.sessions.get(known.ref)
        assert cache.get(known.ref) == after
        assert kept is not None
        assert is_unchanged(kept, after), "an unchanged state is not written again, and so tells when it was first seen"
        assert (after.observed_at, after.source, after.stale) == (START, POLL, False)
        if partial:
            assert after.final or not before.final
            assert (after.documents, after.participants, after.signatures) == (
                before.documents,
                before.participants,
                before.signatures,
            )
        else:
            assert after.status is seen.status
            assert after.documents == seen.documents
        if (partial and not before.final) or not partial:
            assert after.created_at == (seen.created_at or known.created_at)
        cache.clear()


async def test_observations_of_one_session_are_serialized(store: Store, cache: SessionCache, clock: Hands) -> None:
    """A row and a full read, in any order of arrival, end as if one had come after the other."""
    observation = Observation(
        store,
        cache,
        NegativeCache(5, Hands()),
        ALONE,
        clock,
        notify=lambda: None,
        next_poll_at=lambda name: START + HALF_A_MINUTE,
    )
    for _ in range(10):
        await observation.observe(session(), READ)
        await asyncio.gather(
            observation.observe(full(SessionStatus.COMPLETED), READ),
            *(observation.observe(row(SessionStatus.IN_PROGRESS), POLL) for _ in range(4)),
        )
        found = await store.sessions.get(REF)
        assert found is not None
        assert found.status is SessionStatus.COMPLETED
        assert found.documents == full().documents
        held = cache.get(REF)
        assert held is not None
        assert is_unchanged(held, found)


async def test_observations_of_different_sessions_are_concurrent(store: Store, cache: SessionCache, clock: Hands) -> None:
    observation = Observation(
        store,
        cache,
        NegativeCache(5, Hands()),
        ALONE,
        clock,
        notify=lambda: None,
        next_poll_at=lambda name: START + HALF_A_MINUTE,
    )
    many = [session(f"s{number}") for number in range(40)]
    seen = await asyncio.gather(*(observation.observe(each, POLL, {each.key: b"row"}) for each in many))
    assert [each.key for each in seen] == [each.key for each in many]
    listed: Mapping[str, object] = await store.sessions.list_rows("acme", [each.key for each in many])
    assert len(listed) == len(many)


async def test_slow_read_does_not_revert_newer_state(observation: Observation, clock: Hands) -> None:
    await observation.observe(full(SessionStatus.PENDING), READ)
    begun_at = clock.now()
    clock.pass_(seconds=1)
    canceled = await observation.observe(full(SessionStatus.CANCELED), MUTATION)
    clock.pass_(seconds=1)
    assert await observation.observe(full(SessionStatus.PENDING), READ, begun_at=begun_at) == canceled
    assert (await observation.observe(full(SessionStatus.PENDING), READ, begun_at=clock.now())).status == "PENDING"


async def test_full_read_completes_newer_row(observation: Observation, clock: Hands) -> None:
    begun_at = clock.now()
    clock.pass_(seconds=1)
    await observation.observe(row(SessionStatus.PENDING), POLL)
    assert not (await observation.observe(full(), READ, begun_at=begun_at)).partial


async def test_row_of_older_page_is_dropped_with_its_digest(observation: Observation, store: Store, clock: Hands) -> None:
    asked_at = clock.now()
    clock.pass_(seconds=1)
    newer = await observation.observe(row(SessionStatus.IN_PROGRESS), POLL, {REF.key: b"newer"}, begun_at=clock.now())
    assert await observation.observe(row(SessionStatus.PENDING), POLL, {REF.key: b"older"}, begun_at=asked_at) == newer
    assert (await store.sessions.list_rows("acme", [REF.key]))[REF.key].digest == b"newer"
