"""Webhook deliveries as Signicat sends them, and malformed ones; and the gateway's record of them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from pydantic import SecretStr
from scene import Scene

from providers.webhook import Scheme, sign

SECRET = "webhook-secret-of-the-test"
HEADER = "X-Signicat-Signature"
DELIVERY = """id provider receivedAt eventName verification outcome attempts problem { code message } duplicateOf bodySha256
session { id key status }"""


def text_of(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f3Z")


def envelope(key: str | None, at: datetime, name: str = "signing-session.completed", **changes: Any) -> bytes:
    fields = {
        "id": str(uuid4()),
        "timestamp": text_of(at),
        "sender": "sign",
        "eventName": name,
        "eventData": {} if key is None else {"id": key},
        "accountId": "a-1",
        "organizationId": None,
        "expiresAt": text_of(at + timedelta(seconds=30)),
        "tags": [],
    }
    return json.dumps(fields | changes).encode()


def signed(body: bytes, secret: str = SECRET, scheme: Scheme = "hmac-sha256-hex") -> dict[str, str]:
    return {HEADER: sign(scheme, SecretStr(secret), body)}


async def post(scene: Scene, body: bytes, headers: dict[str, str] | None = None, provider: str = "signicat") -> httpx.Response:
    """A delivery; a genuine one unless other headers are given."""
    reply = await scene.client.post(f"/webhooks/{provider}", content=body, headers=signed(body) if headers is None else headers)
    scene.answers.append(reply.text)
    return reply


async def call_back(scene: Scene) -> None:
    """Asks the sandbox to send webhooks to the gateway, in the way that anybody can."""
    wish = {"url": f"{scene.address}/webhooks/signicat", "secret": SECRET}
    async with httpx.AsyncClient() as client:
        (await client.post(f"{scene.urls['signicat']}/_sandbox/callback", json=wish)).raise_for_status()


async def page(scene: Scene, first: int = 100, after: str | None = None, **wanted: Any) -> dict[str, Any]:
    query = f"""query Q($filter: WebhookDeliveryFilter, $first: Int, $after: String) {{
      webhookDeliveries(filter: $filter, first: $first, after: $after) {{
        nodes {{ {DELIVERY} }} edges {{ cursor node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage endCursor }}
      }} }}"""
    found: dict[str, Any] = (await scene.data(query, filter=wanted or None, first=first, after=after))["webhookDeliveries"]
    return found


async def deliveries(scene: Scene, **wanted: Any) -> list[dict[str, Any]]:
    """The newest deliveries, newest first."""
    found: list[dict[str, Any]] = (await page(scene, **wanted))["nodes"]
    return found


async def until(what: str, look: Callable[[], Awaitable[Any]], seconds: float = 10) -> Any:
    """Waits for something that happens by itself."""
    for _ in range(int(seconds / 0.01)):
        if found := await look():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"never: {what}")


async def processed(scene: Scene) -> list[dict[str, Any]]:
    """The deliveries, once none is pending."""

    async def look() -> list[dict[str, Any]] | None:
        found = await deliveries(scene)
        return found if found and all(each["outcome"] != "PENDING" for each in found) else None

    found: list[dict[str, Any]] = await until("all processed", look)
    return found


def reads(scene: Scene, since: int = 0) -> list[str]:
    """The keys of the native sessions that Signicat was asked for."""
    calls = scene.calls_since("signicat", since)
    prefix = "/sign/signing-sessions/"
    return [path.removeprefix(prefix) for method, path in calls if method == "GET" and path.startswith(prefix)]


def rows(scene: Scene, query: str) -> list[tuple[Any, ...]]:
    """What the gateway's database says."""
    with sqlite3.connect(scene.folder / "countersign.db", timeout=10) as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found
