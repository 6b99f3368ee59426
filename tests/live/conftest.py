"""Subscriptions over real sockets."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from theatre import Theatre
from theatre import theatre as playing

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("graphql", "distributed")]
from apart import Nursery, nursery


@pytest.fixture(scope="session")
def ours() -> Iterator[Nursery]:
    with nursery() as ours:
        yield ours


@pytest.fixture
async def theatre() -> AsyncIterator[Theatre]:
    async with playing() as theatre:
        yield theatre


@pytest.fixture(autouse=True)
def starts_gateways(gateways: None) -> None:
    """The tests of this folder start gateways."""
