"""Inbox of several gateways: each delivery is processed once, and claims of a dead gateway are taken over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from apart import Ahead, Client, Nursery, gateway, inside, nursery, order
from posting import SECRET, envelope, signed, until
from relay import Relay
from starlette.requests import Request
from starlette.responses import Response

from providers.clock import Clock
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.server import serving
from providers.signicat.sandbox import SignicatSandbox

SESSIONS = "/sign/signing-sessions"
QUERY = "{ webhookDeliveries(first: 100) { nodes { outcome attempts duplicateOf session { status } } } }"


@dataclass
class Front:
    """Signicat behind a relay that can keep every reading waiting."""

    sandbox: SignicatSandbox
    relay: Relay
    table: dict[str, Any]
    open: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def wait(self, request: Request) -> Response | None:
        if request.method == "GET" and request.url.path.startswith(SESSIONS):
            self.waiting += 1
            await self.open.wait()
            self.waiting -= 1
        return None

    async def until_waiting(self) -> None:
        async def look() -> bool:
            return self.waiting > 0

        await until("somebody reads", look)


@pytest.fixture(scope="session")
def ours() -> Iterator[Nursery]:
    with nursery() as ours:
        yield ours


@pytest.fixture
async def front(authority: CertificateAuthority) -> AsyncIterator[Front]:
    sandbox = SignicatSandbox(authority=authority)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(sandbox.serving())
        relay = await stack.enter_async_context(Relay(url))
        reached = await stack.enter_async_context(serving(relay))
        table = dict(sandbox.settings(reached)) | {"name": "signicat", "timeout": 30}
        front = Front(sandbox, relay, table)
        front.relay.instead = front.wait
        front.open.set()
        yield front
        front.open.set()


def secrets(config: Path) -> None:
    """The table of the webhook; the configuration files of the nursery are flat."""
    config.write_text(config.read_text() + f'\n[providers.webhook]\nsecrets = ["{SECRET}"]\n')


async def post(client: Client, body: bytes) -> int:
    return (await client.client.post("/webhooks/signicat", content=body, headers=signed(body))).status_code


async def shown(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.ask(QUERY))["webhookDeliveries"]["nodes"]
    return found


async def make(client: Client) -> dict[str, Any]:
    made: dict[str, Any] = (await client.done("createSession", **await order(client, "signicat", people=1)))["session"]
    return made


async def done(client: Client) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]] | None:
        found = await shown(client)
        return found if all(each["outcome"] != "PENDING" for each in found) else None

    found: list[dict[str, Any]] = await until("all processed", look, 20)
    return found


LEASE = {"sagas": {"lease": 1.0}}
TAKING = {"webhook": {"secrets": [SECRET]}}


async def test_two_gateways_process_each_delivery_once_and_share_the_work(tmp_path: Path, front: Front) -> None:
    table = front.table | TAKING
    async with inside(tmp_path, Clock(), [table]) as one, inside(tmp_path, Clock(), [table]) as two:
        sessions = [await make(one) for _ in range(20)]
        keys = [session["participants"][0]["key"] for session in sessions]
        bodies = [envelope(key, datetime.now(UTC)) for key in keys for _ in range(4)]
        calls = [post(client, body) for body in bodies for client in (one, two)]
        assert Counter(await asyncio.gather(*calls)) == {202: len(bodies), 200: len(bodies)}
        await done(two)
        found = Counter(one.rows("select outcome, duplicate_of is null, attempts from delivery"))
        assert found == {("PROCESSED", 1, 1): len(bodies), ("IGNORED", 0, 0): len(bodies)}


async def test_accepted_delivery_is_processed_after_kill_and_restart(tmp_path: Path, ours: Nursery, front: Front) -> None:
    async with gateway(tmp_path, ours, [front.table], **LEASE) as one:
        one.kill()
        secrets(one.config)
        await one.start()
        session = await make(one)
        key = session["participants"][0]["key"]
        await front.sandbox.sign(key)
        front.open.clear()
        assert await post(one, envelope(key, datetime.now(UTC))) == 202
        await front.until_waiting()
        one.kill()
        front.open.set()
        assert one.rows("select outcome, attempts from delivery") == [("PENDING", 1)]
        await one.start()
        (found,) = await done(one)
        assert (found["outcome"], found["attempts"]) == ("PROCESSED", 2)
        assert found["session"]["status"] in {"PROCESSING", "COMPLETED"}


async def test_claims_of_dead_gateway_are_processed_by_another(tmp_path: Path, ours: Nursery, front: Front) -> None:
    async with gateway(tmp_path, ours, [front.table], **LEASE) as one:
        one.kill()
        secrets(one.config)
        await one.start()
        session = await make(one)
        key = session["participants"][0]["key"]
        await front.sandbox.sign(key)
        front.open.clear()
        assert await post(one, envelope(key, datetime.now(UTC))) == 202
        await front.until_waiting()
        async with inside(tmp_path, Clock(), [front.table | TAKING], **LEASE) as two:
            await asyncio.sleep(2)
            assert one.rows("select attempts from delivery") == [(1,)], "one that is only slow keeps what it has"
            one.kill()
            front.open.set()
            (found,) = await done(two)
            assert (found["outcome"], found["attempts"]) == ("PROCESSED", 2)


async def test_graceful_stop_releases_claims_at_once(tmp_path: Path, front: Front) -> None:
    clock, table = Ahead(), front.table | TAKING
    async with inside(tmp_path, clock, [table]) as one:
        session = await make(one)
        key = session["participants"][0]["key"]
        await front.sandbox.sign(key)
        front.open.clear()
        assert await post(one, envelope(key, datetime.now(UTC))) == 202
        await front.until_waiting()
    assert one.rows("select outcome, attempts from delivery") == [("PENDING", 0)]
    front.open.set()
    async with inside(tmp_path, clock, [table]) as two:
        (found,) = await done(two)
        assert (found["outcome"], found["attempts"]) == ("PROCESSED", 1)
