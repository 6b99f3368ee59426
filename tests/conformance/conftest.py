"""A gateway in front of four sandboxes on real ports, for what others have written to ask it and to judge it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf

sys.path += [str(Path(__file__).parents[1] / "graphql"), str(Path(__file__).parents[1])]
from scene import Scene
from scene import scene as running


@pytest.fixture
async def scene(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Scene]:
    async with running(tmp_path, authority) as scene:
        yield scene


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "lease.pdf"
    path.write_bytes(sample_pdf("Lease of the north field"))
    return path
