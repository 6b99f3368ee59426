"""A gateway in front of one sandbox, with settings of its front door to be varied."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from providers.sandbox.certificate_authority import CertificateAuthority

sys.path += [str(Path(__file__).parents[1] / "graphql"), str(Path(__file__).parents[1])]
from scene import Scene
from scene import scene as running


@pytest.fixture
async def scene(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Scene]:
    async with running(tmp_path, authority) as scene:
        yield scene


@pytest.fixture
def changes() -> Mapping[str, Any]:
    """What is to be different about the configuration, by section; a test may say so."""
    return {}


@pytest.fixture
async def wide(tmp_path: Path, authority: CertificateAuthority, changes: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """The same with these changes."""
    async with running(tmp_path, authority, changes) as scene:
        yield scene


@pytest.fixture(autouse=True)
def starts_gateways(gateways: None) -> None:
    """The tests of this folder start gateways."""
