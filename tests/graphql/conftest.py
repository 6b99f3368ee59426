"""Fixtures of tests over real HTTP: a gateway and four sandboxes on ports of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scene import Scene
from scene import scene as running

from providers.sandbox.certificate_authority import CertificateAuthority


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
    gateways: None, tmp_path: Path, authority: CertificateAuthority, changes: dict[str, object], relayed: tuple[str, ...]
) -> AsyncIterator[Scene]:
    async with running(tmp_path, authority, changes, relayed) as scene:
        yield scene
        told = [secret for secret in scene.secrets() if any(secret in answer for answer in scene.answers)]
        assert not told, "an answer told a secret"
