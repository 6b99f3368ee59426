"""In-flight saga filter: unknown rows are accepted, but not while a saga may have created them."""

from __future__ import annotations

import pytest
from stage import Hands

from gateway.store import Saga, Store
from gateway.sync.inflight_saga_filter import InflightSagaFilter

KEYS = frozenset({"p1", "p2"})
NONE: frozenset[str] = frozenset()


@pytest.fixture
def held(store: Store, clock: Hands) -> InflightSagaFilter:
    return InflightSagaFilter(store.sagas, clock)


async def begin(store: Store, clock: Hands, key: str = "s1", provider: str = "acme") -> Saga:
    saga = Saga(id=key, provider=provider, marker=key, owner="me", begun_at=clock.now())
    await store.sagas.begin(saga)
    return saga


async def test_rows_are_accepted_without_running_saga(held: InflightSagaFilter, store: Store, clock: Hands) -> None:
    assert await held.accepted("acme", KEYS) == KEYS
    await begin(store, clock, provider="umbrella")
    assert await held.accepted("acme", KEYS) == KEYS


async def test_rows_seen_during_saga_are_held_back_until_its_end(held: InflightSagaFilter, store: Store, clock: Hands) -> None:
    saga = await begin(store, clock)
    clock.pass_(seconds=1)
    assert await held.accepted("acme", KEYS) == NONE
    await store.sagas.finish_compensation(saga.id)
    assert await held.accepted("acme", KEYS) == KEYS


async def test_successive_sagas_hold_no_row_back_for_ever(held: InflightSagaFilter, store: Store, clock: Hands) -> None:
    first = await begin(store, clock, "s1")
    clock.pass_(seconds=1)
    assert await held.accepted("acme", KEYS) == NONE
    clock.pass_(seconds=1)
    await begin(store, clock, "s2")
    await store.sagas.finish_compensation(first.id)
    assert await held.accepted("acme", KEYS | {"p3"}) == KEYS, "they were there before all that is at work now"


async def test_endless_saga_holds_no_row_back_for_ever(held: InflightSagaFilter, store: Store, clock: Hands) -> None:
    await begin(store, clock)
    assert await held.accepted("acme", KEYS) == NONE
    clock.pass_(seconds=61)
    assert await held.accepted("acme", KEYS) == KEYS
