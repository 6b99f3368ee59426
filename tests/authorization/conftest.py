"""A gateway that lets in holders of keys and of an issuer's tokens, in front of four sandboxes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.sandbox.certificate_authority import CertificateAuthority

sys.path += [str(Path(__file__).parents[1] / "graphql"), str(Path(__file__).parents[1])]
from door import Door, opened


@pytest.fixture
async def door(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Door]:
    async with opened(tmp_path, authority) as door:
        yield door


@pytest.fixture(autouse=True)
def starts_gateways(gateways: None) -> None:
    """The tests of this folder start gateways."""
