"""Selectivity: estimates of title parts from PostgreSQL's statistics, which are cached for a minute."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from stage import START, Emptied, examples, keep, session, statements, words

from gateway.store import Store
from gateway.store.list_query.selectivity import SelectivityEstimator
from gateway.store.list_query.text_folding import TRIGRAM_LENGTH, indexed_part, trigrams
from providers.clock import Clock

PARTS = st.one_of(words, st.text("ab\x00\x01", max_size=60)).map(str.casefold).filter(lambda part: len(part) >= TRIGRAM_LENGTH)


class Stopwatch(Clock):
    """Seconds pass when somebody says so."""

    passed = 0.0

    def monotonic(self) -> float:  # type: ignore[override]
        return self.passed


@pytest.fixture
async def store(postgresql_template: Emptied) -> AsyncIterator[Store]:
    async with postgresql_template.fresh() as store:
        yield store


async def counted(store: Store) -> None:
    async with store.sessions._engine.begin() as connection:
        await connection.execute(text("ANALYZE session"))


async def asked(store: Store, frequencies: SelectivityEstimator, part: str) -> tuple[float, float]:
    async with store.sessions._engine.connect() as connection:
        found = await frequencies.estimate(connection, part)
    return found.share, found.count


@examples(100)
@given(part=PARTS)
async def test_trigrams_equal_those_of_the_database(store: Store, part: str) -> None:
    async with store.sessions._engine.connect() as connection:
        made = (await connection.execute(text("SELECT trigrams(:part)"), {"part": indexed_part(part)})).scalar_one()
    assert trigrams(part) == set(made)


async def test_selectivity_is_that_of_the_rarest_trigram(store: Store) -> None:
    for number in range(40):
        await keep(store, session(str(number), title="Lease, annex" if number % 4 == 0 else "Lease"), START)
    await counted(store)
    frequencies = SelectivityEstimator()
    assert await asked(store, frequencies, "lease") == (1.0, 40.0)
    assert await asked(store, frequencies, "lease, annex") == (0.25, 40.0)
    assert await asked(store, frequencies, "lease of land") == (0.0, 40.0)


async def test_selectivity_without_statistics_is_a_default(store: Store) -> None:
    async with store.sessions._engine.begin() as connection:
        await connection.execute(text("DELETE FROM pg_statistic WHERE starelid = 'session_by_trigram'::regclass"))
    share, _ = await asked(store, SelectivityEstimator(), "lease")
    assert 0 < share < 1


async def test_statistics_are_read_once_a_minute(store: Store) -> None:
    watch = Stopwatch()
    frequencies = SelectivityEstimator(watch)
    for passed, calls in ((0.0, 1), (59.9, 0), (60.1, 1), (119.9, 0), (120.2, 1)):
        watch.passed = passed
        with statements(store) as said:
            await asked(store, frequencies, "lease")
        assert len(said) == calls, passed
