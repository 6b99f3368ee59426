"""The gateway, and servers without any protection beside it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
import unprotected
from attack import PROBES, Target

from providers.sandbox.certificate_authority import CertificateAuthority

sys.path.append(str(Path(__file__).parents[1] / "graphql"))
from scene import scene as running

SECRET = "the-secret-of-the-webhook"
CHANGES = {
    "connections": {
        "head": 0.4,
        "idle": 0.4,
        "pace": 500,
        "line_bytes": 8_000,
        "header_bytes": 8_000,
        "headers": 50,
        "message_bytes": 20_000,
        "most": 60,
        "per_address": 10,
    },
    "live": {"patience": 0.3, "heartbeat": 0.25, "per_connection": 10},
    "cors": {"origins": ["https://app.friend.example"]},
    "uploads": {"max_bytes": 10_000_000},
    "inbox": {"max_bytes": 50_000, "keep_rejected": 5},
    "providers": {"signicat": {"webhook": {"secrets": [SECRET], "header": "X-Signicat-Signature"}}},
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority) -> AsyncIterator[Target]:
    """The gateway as it is, but for smaller bounds."""
    async with running(tmp_path_factory.mktemp("attacked"), authority, CHANGES) as scene:
        large = b"%PDF-1.7\n" + b"% padding\n" * (8 * 2**20 // 10) + b"startxref\n9\n%%EOF\n"
        session = await scene.create("signicat", people=1, given=[{"upload": await scene.upload(large)}])
        url = session["documents"][0]["download"]["url"]
        yield Target(scene.address, url.removeprefix(scene.settings.server.public_url), SECRET)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def found(victims: dict[str, Target]) -> dict[str, BaseException | None]:
    """What comes of the attacks that wait, which wait together."""
    waiting = {name: each for name, each in PROBES.items() if each.waits}
    outcomes = await asyncio.gather(*(each.probe(victims[each.server]) for each in waiting.values()), return_exceptions=True)
    return dict(zip(waiting, outcomes, strict=True))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def victims() -> AsyncIterator[dict[str, Target]]:
    """The unprotected servers, by name."""
    async with AsyncExitStack() as stack:
        servers = {
            "plain": unprotected.serving(unprotected.application(validated=True)),
            "trusting": unprotected.serving(unprotected.application(validated=False)),
            "bare": unprotected.bare(),
        }
        yield {
            name: Target(await stack.enter_async_context(server), "/documents/1", SECRET) for name, server in servers.items()
        }


@pytest.fixture(autouse=True)
def starts_gateways(gateways: None) -> None:
    """The tests of this folder start gateways."""
