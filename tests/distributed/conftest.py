"""Several gateways, or none for a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apart import Nursery, nursery


@pytest.fixture(scope="session")
def ours() -> Iterator[Nursery]:
    with nursery() as ours:
        yield ours


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that several gateways can share."""
    return str(request.getfixturevalue("postgres")) if request.param == "postgresql" else f"sqlite:///{tmp_path / 'shared.db'}"


@pytest.fixture(autouse=True)
def starts_gateways(gateways: None) -> None:
    """The tests of this folder start gateways."""
