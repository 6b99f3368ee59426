"""Several gateways over one database, in front of the same sandboxes; everything on real ports, in real time."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.sandbox.certificate_authority import CertificateAuthority

sys.path += [str(Path(__file__).parents[1] / name) for name in ("graphql", "services")]
from race import Race
from race import race as running


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'figures.db'}"
    return str(request.getfixturevalue("postgres"))


@pytest.fixture
async def race(tmp_path: Path, authority: CertificateAuthority, database: str) -> AsyncIterator[Race]:
    async with running(tmp_path, authority, database) as race:
        yield race


@pytest.fixture(autouse=True)
def starts_gateways(gateways: None) -> None:
    """The tests of this folder start gateways."""
