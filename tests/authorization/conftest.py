"""A gateway that lets in holders of keys and of an issuer's tokens, in front of two sandboxes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.authentication.api_key import digest
from providers.authority import Authority

sys.path += [str(Path(__file__).parents[1] / "graphql"), str(Path(__file__).parents[1])]
from door import KEYS, Door, key
from issuer import AUDIENCE, ISSUER, Issuer
from scene import scene as running


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def door(tmp_path: Path, authority: Authority) -> AsyncIterator[Door]:
    async with Issuer().serving() as issuer:
        authentication = {
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "jwks_url": issuer.address,
            "keys": [{"name": name, "sha256": digest(key(name)), **told} for name, told in KEYS.items()],
        }
        async with running(tmp_path, authority, {"authentication": authentication}) as scene:
            scene.client.headers["authorization"] = f"Bearer {key('everything')}"
            yield Door(scene, issuer)
