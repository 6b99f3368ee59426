"""Fixture of one gateway and four sandboxes for all operations."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.sandbox.certificate_authority import CertificateAuthority

sys.path += [str(Path(__file__).parents[1] / name) for name in ("graphql", "contract")]
from scene import Scene
from scene import scene as running


@pytest.fixture
async def scene(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Scene]:
    async with running(tmp_path, authority) as scene:
        yield scene


@pytest.fixture(autouse=True)
def starts_gateways(gateways: None) -> None:
    """The tests of this folder start gateways."""
