"""Several gateways, or none for a while."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from apart import Nursery, nursery

from providers.authority import Authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def ours() -> Iterator[Nursery]:
    with nursery() as ours:
        yield ours
