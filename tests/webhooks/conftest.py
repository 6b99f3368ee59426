"""A gateway that receives webhooks, and the sandbox that sends them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.sandbox.certificate_authority import CertificateAuthority

sys.path.append(str(Path(__file__).parents[1] / "graphql"))
sys.path.append(str(Path(__file__).parents[1] / "distributed"))
sys.path.append(str(Path(__file__).parents[1] / "services"))
from posting import SECRET, call_back
from scene import Scene
from scene import scene as running


@pytest.fixture
def changes() -> dict[str, object]:
    """What a test wants different in the configuration, by section."""
    return {}


@pytest.fixture
def relayed() -> tuple[str, ...]:
    """Which providers a test wants to reach through a relay."""
    return ()


@pytest.fixture
async def scene(
    tmp_path: Path, authority: CertificateAuthority, changes: dict[str, object], relayed: tuple[str, ...]
) -> AsyncIterator[Scene]:
    """One whose Signicat calls nobody back yet."""
    providers = {"signicat": {"webhook": {"secrets": [SECRET]}}}
    async with running(tmp_path, authority, {"providers": providers, **changes}, relayed) as scene:
        yield scene


@pytest.fixture
async def calling(scene: Scene) -> Scene:
    """One whose Signicat calls back."""
    await call_back(scene)
    return scene


@pytest.fixture(autouse=True)
def starts_gateways(gateways: None) -> None:
    """The tests of this folder start gateways."""
