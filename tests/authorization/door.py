"""Who may come in, and what they say at the door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from issuer import AUDIENCE, ISSUER, Issuer
from scene import Scene
from scene import scene as running

from gateway.auth.api_key import digest
from gateway.auth.viewer import SCOPES
from providers.sandbox.certificate_authority import CertificateAuthority


def key(name: str) -> str:
    return f"csk_{name.replace(':', '-')}"


KEYS: dict[str, dict[str, Any]] = {
    **{scope: {"scopes": [scope]} for scope in SCOPES},
    "everything": {"scopes": list(SCOPES)},
    "nothing": {"scopes": []},
    "bounded": {"scopes": list(SCOPES), "providers": ["easyink"]},
    "soon over": {"scopes": list(SCOPES), "expires_at": "2030-01-01T00:00:00Z"},
}


@dataclass
class Door:
    """The scene, and who may come in."""

    scene: Scene
    issuer: Issuer

    async def ask(self, who: str, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to a holder of this key, or of this token."""
        return await self.answer(key(who) if who in KEYS else who, query, **variables)

    async def answer(self, credentials: str, query: str, **variables: Any) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {credentials}"}
        reply = await self.scene.client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        self.scene.answers.append(reply.text)
        found: dict[str, Any] = reply.json()
        return found


@asynccontextmanager
async def opened(folder: Path, authority: CertificateAuthority, **sections: Any) -> AsyncIterator[Door]:
    """The door, with these tables of the configuration besides."""
    async with Issuer().serving() as issuer:
        authentication = {
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "jwks_url": issuer.address,
            "keys": [{"name": name, "sha256": digest(key(name)), **told} for name, told in KEYS.items()],
        }
        async with running(folder, authority, {"authentication": authentication} | sections) as scene:
            scene.client.headers["authorization"] = f"Bearer {key('everything')}"
            yield Door(scene, issuer)
