"""Webhook sender of the sandbox: signed, in order, retried until accepted, and for every change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from posting import HEADER, SECRET, until
from scene import Hurry, Patience, Scene, pdf
from starlette.requests import Request
from starlette.responses import Response

from providers.orders import DocumentOrder, Order, ParticipantOrder
from providers.saga import Steps
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.server import serving
from providers.signicat import PROVIDER
from providers.signicat.adapter import SignicatAdapter
from providers.signicat.sandbox import SignicatSandbox


@dataclass
class Receiver:
    """Whoever is called back: verifies as our gateway does, and answers as it is told."""

    adapter: SignicatAdapter
    statuses: list[int] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.body()
        assert self.adapter.webhook.is_authentic(request.headers.items(), body)
        self.tries += 1
        status = self.statuses.pop(0) if self.statuses else 202
        if status == 202:
            self.heard.append(json.loads(body))
        await Response(status_code=status)(scope, receive, send)

    async def names(self, count: int) -> list[str]:
        async def look() -> bool:
            return len(self.heard) >= count

        await until(f"{count} heard", look)
        return [each["eventName"] for each in self.heard]


@pytest.fixture
async def receiver(authority: CertificateAuthority) -> AsyncIterator[tuple[SignicatSandbox, Receiver]]:
    clock = Hurry()
    sandbox = SignicatSandbox(clock=Patience(clock), authority=authority)
    sandbox.packaging_delay = 0.05
    async with sandbox.serving() as url:
        async with httpx.AsyncClient() as client:
            wish = {"url": "http://127.0.0.1:9", "secret": SECRET, "scheme": "hmac-sha256-base64"}
            assert (await client.post(f"{url}/_sandbox/callback", json=wish)).status_code == 201
        settings = PROVIDER.settings(**sandbox.settings(url))
        assert settings.webhook.header == HEADER
        async with SignicatAdapter(settings, clock=clock) as adapter:
            receiver = Receiver(adapter)
            async with serving(receiver) as address:
                sandbox.callback.url = address
                yield sandbox, receiver


async def make(receiver: Receiver, people: int = 1, *, text: bool = False) -> list[str]:
    """The keys of the native sessions of a new session."""
    content = b"I agree." if text else pdf()

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    document = DocumentOrder(
        filename="lease.txt" if text else "lease.pdf",
        media_type="text/plain" if text else "application/pdf",
        size_bytes=len(content),
        sha256=sha256(content).hexdigest(),
        open=chunks,
        title="Lease",
    )
    names = ("Ada", "Grace", "Radia")[:people]
    order = Order(title="Lease", documents=(document,), participants=tuple(ParticipantOrder(first_name=each) for each in names))
    session = await receiver.adapter.create_session(order, Steps())
    return list(session.parts or (session.key,))


async def test_sandbox_webhook_has_the_nine_fields_of_the_envelope(receiver: tuple[SignicatSandbox, Receiver]) -> None:
    sandbox, called = receiver
    (first,), (second,) = await make(called), await make(called)
    await sandbox.sign(first)
    await sandbox.decline(second)
    assert await called.names(3) == ["signing-session.completed", "signing-session.rejected", "package.completed"]
    fields = {"id", "timestamp", "sender", "eventName", "eventData", "accountId", "organizationId", "expiresAt", "tags"}
    for each in called.heard:
        assert set(each) == fields
        assert len(each["timestamp"]) == len("2026-01-01T00:00:10.7302363Z")
        hint = called.adapter.parse_webhook(json.dumps(each).encode())
        assert hint.timestamp is not None
        assert hint.expires_at == hint.timestamp + timedelta(seconds=30)
    assert [each["eventData"].get("id") for each in called.heard] == [first, second, None]
    assert called.heard[2]["eventData"]["Id"] == first
    assert len({each["id"] for each in called.heard}) == 3


async def test_sandbox_sends_webhook_when_package_is_made(receiver: tuple[SignicatSandbox, Receiver]) -> None:
    sandbox, called = receiver
    first, second = await make(called, 2)
    await sandbox.sign(first)
    await asyncio.sleep(0.2)
    assert await called.names(1) == ["signing-session.completed"], "not everybody has signed"
    await sandbox.sign(second)
    assert await called.names(3) == ["signing-session.completed"] * 2 + ["package.completed"]


async def test_sandbox_never_packages_a_text(receiver: tuple[SignicatSandbox, Receiver]) -> None:
    sandbox, called = receiver
    (key,) = await make(called, text=True)
    await sandbox.sign(key)
    await asyncio.sleep(0.3)
    assert await called.names(1) == ["signing-session.completed"]


async def test_sandbox_retries_in_order_until_delivery_expires(
    receiver: tuple[SignicatSandbox, Receiver],
) -> None:
    sandbox, called = receiver
    called.statuses = [500, 401, 404]
    keys = [(await make(called))[0] for _ in range(2)]
    for key in keys:
        await sandbox.decline(key)
    await called.names(2)
    assert [each["eventData"]["id"] for each in called.heard] == keys
    assert called.tries == 5
    (key,) = await make(called)
    called.statuses = [500] * 1000
    await sandbox.decline(key)

    async def lost() -> bool:
        sandbox.clock._hurry.ahead += 1
        return sandbox.webhooks.lost == 1

    await until("given up", lost)
    assert (sandbox.webhooks.delivered, len(called.heard)) == (2, 2)


async def test_gateway_follows_sandbox_by_webhooks_alone(calling: Scene) -> None:
    session = await calling.create("signicat", people=2)
    for person in session["participants"]:
        await calling.sandboxes["signicat"].sign(person["key"])

    async def completed() -> bool:
        calling.clock.ahead += 0.1
        now = await calling.read(session["id"], "PT1H")
        return now["status"] == "COMPLETED" and now["freshness"]["source"] == "WEBHOOK"

    await until("completed", completed)


async def test_webhook_secret_is_never_shown(receiver: tuple[SignicatSandbox, Receiver]) -> None:
    sandbox, _ = receiver
    assert SECRET not in repr(sandbox.callback)


async def test_sandbox_stops_sending_when_webhook_is_removed(calling: Scene) -> None:
    session = await calling.create("signicat")
    async with httpx.AsyncClient() as client:
        assert (await client.delete(f"{calling.urls['signicat']}/_sandbox/callback")).status_code == 204
    await calling.sandboxes["signicat"].sign(session["participants"][0]["key"])
    await asyncio.sleep(0.1)
    assert calling.sandboxes["signicat"].webhooks.delivered == 0
