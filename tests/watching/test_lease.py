"""Leases: one holder at a time, renewal before expiry, and takeover from a holder that is silent."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lookout import START
from pydantic import SecretStr

from gateway.store import Store

LEASE = timedelta(seconds=5)
NAMES = ("watch:one", "watch:two")
OWNERS = ("ann", "bob", "cy")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "template.db"

    async def make() -> None:
        await (await Store.open(SecretStr(f"sqlite:///{file}"))).close()

    asyncio.run(make())
    return file


@pytest.fixture
async def store(template: Path, tmp_path: Path):
    shutil.copy(template, tmp_path / "store.db")
    store = await Store.open(SecretStr(f"sqlite:///{tmp_path / 'store.db'}"))
    yield store
    await store.close()


acts = st.one_of(
    st.tuples(st.just("pass"), st.floats(0, 7)),
    st.tuples(st.just("try"), st.sets(st.sampled_from(OWNERS), min_size=1)),
    st.tuples(st.just("release"), st.sampled_from(OWNERS)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(acts, max_size=25), names=st.sets(st.sampled_from(NAMES), min_size=1))
async def test_leases_never_have_two_holders_in_any_order_of_acquire_and_release(
    template: Path, script, names: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(template, Path(folder) / "store.db")
        store = await Store.open(SecretStr(f"sqlite:///{folder}/store.db"))
        now = START
        held: dict[str, dict[str, datetime]] = {owner: {} for owner in OWNERS}
        for act, given_ in script:
            if act == "pass":
                now += timedelta(seconds=given_)
            elif act == "release":
                await store.leases.release(names, given_)
                held[given_] = {}
            else:
                trying = sorted(given_)
                results = await asyncio.gather(*(store.leases.acquire(names, owner, now, LEASE) for owner in trying))
                held |= {owner: dict(result) for owner, result in zip(trying, results, strict=True)}
            for name in names:
                holders = [owner for owner in OWNERS if held[owner].get(name, now) > now]
                assert len(holders) <= 1
                if act == "try":
                    assert holders, "where somebody tries, somebody holds it"
        await store.close()


async def test_concurrent_acquires_leave_one_holder(store: Store) -> None:
    many = [f"owner-{number}" for number in range(20)]
    results = await asyncio.gather(*(store.leases.acquire(NAMES, owner, START, LEASE) for owner in many))
    for name in NAMES:
        assert sum(name in held for held in results) == 1


async def test_renewed_lease_is_held_and_expired_lease_is_acquired_by_another(store: Store) -> None:
    now = START
    for _ in range(30):
        assert set(await store.leases.acquire(NAMES, "ann", now, LEASE)) == set(NAMES)
        assert await store.leases.acquire(NAMES, "bob", now, LEASE) == {}
        now += LEASE / 5
    last = now - LEASE / 5
    waited = timedelta(0)
    while not await store.leases.acquire(NAMES, "bob", last + waited, LEASE):
        waited += timedelta(seconds=0.25)
    assert waited <= LEASE + timedelta(seconds=0.25)


async def test_released_lease_is_free_at_once_and_others_cannot_release_it(store: Store) -> None:
    await store.leases.acquire(NAMES, "ann", START, LEASE)
    await store.leases.release(NAMES, "bob")
    assert await store.leases.acquire(NAMES, "bob", START, LEASE) == {}
    await store.leases.release(NAMES, "ann")
    assert set(await store.leases.acquire(NAMES, "bob", START, LEASE)) == set(NAMES)
