"""What subscribers cost, and how soon they hear of a change."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from gateway.demo.client import CREATE, Client
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import sample_pdf
from tests.bench.listener import listeners
from tests.bench.process import running

SUBSCRIBERS = 5_000
BOUND_KB, BOUND_SECONDS = 30.0, 1.0
BOUND_WEBHOOK_MS, POLL_SECONDS, BOUND_POLL_MS = 50.0, 1.0, 1_200.0
CHANGES = 40
QUERY = "subscription S($id: ID!) { session(id: $id) { id status participants { status } progress { signed pending } } }"
ANY = "subscription S($id: ID!) { session(id: $id) { status } }"


async def create(address: str, provider: str, count: int) -> list[dict[str, Any]]:
    """Sessions with one person each."""
    async with Client(address) as client, httpx.AsyncClient(base_url=address, timeout=60) as http:
        made = []
        for _ in range(count):
            sent = await http.put("/uploads", content=sample_pdf("Lease"), headers={"content-type": "application/pdf"})
            given = {
                "provider": provider,
                "title": "Lease",
                "documents": [{"upload": sent.raise_for_status().json()["id"]}],
                "participants": [{"firstName": "Ada", "lastName": "Nordmann", "email": "ada@people.example"}],
            }
            made.append((await client.mutate(CREATE, "createSession", given))["session"])
        return made


async def crowd() -> dict[str, float]:
    """Kilobytes for each of thousands of idle subscribers, and seconds until the last of them hears of a change."""
    async with running({"signicat": {"poll_interval": 3600, "poll_interval_watched": 3600}}) as gateway:
        (session,) = await create(gateway.address, "signicat", 1)
        warm = await listeners(gateway.address, 50, QUERY, {"id": session["id"]})
        before = gateway.process.memory()
        found = await listeners(gateway.address, SUBSCRIBERS, QUERY, {"id": session["id"]})
        each = (gateway.process.memory() - before) * 1024 / SUBSCRIBERS
        began = time.perf_counter()
        async with Client(gateway.address) as client:
            await client.execute(
                'mutation C($id: ID!) { cancelSession(input: {session: $id, reason: "Enough"}) { problems { message } } }',
                id=session["id"],
            )
        last = max(await asyncio.gather(*(listener.told(2) for listener in (*warm, *found))))
        for listener in (*warm, *found):
            listener.transport.abort()
    return {"each": each, "last": last - began}


async def changed(sandbox: Sandbox, sessions: Sequence[dict[str, Any]], address: str) -> list[float]:
    """Milliseconds from each change at a sandbox to the subscriber."""
    took = []
    for session, there in zip(sessions, list(sandbox.sessions()), strict=True):
        (listener,) = await listeners(address, 1, ANY, {"id": session["id"]})
        await asyncio.sleep(0.25)
        told = len(listener.told_at)
        began = time.perf_counter()
        await sandbox.decline(there.key)
        took.append((await listener.told(told + 1) - began) * 1000)
        listener.transport.abort()
    return took


async def by_webhook() -> list[float]:
    """Where the provider tells of its changes, and is not asked for them."""
    quiet = {"poll_interval": 3600, "poll_interval_watched": 3600, "webhook.secrets": ["a-shared-secret"]}
    async with running({"signicat": quiet}) as gateway:
        callback = {"url": f"{gateway.address}/webhooks/signicat", "secret": "a-shared-secret"}
        async with httpx.AsyncClient() as http:
            (await http.post(f"{gateway.urls['signicat']}/_sandbox/callback", json=callback)).raise_for_status()
        sessions = await create(gateway.address, "signicat", CHANGES)
        return await changed(gateway.sandboxes["signicat"], sessions, gateway.address)


async def by_polling() -> list[float]:
    """Where it does not."""
    polled = {"poll_interval": 60, "poll_interval_watched": POLL_SECONDS, "poll_budget": 100_000}
    async with running({"easyink": polled}) as gateway:
        sessions = await create(gateway.address, "easyink", CHANGES // 2)
        return await changed(gateway.sandboxes["easyink"], sessions, gateway.address)


async def main(console: Console) -> int:
    """Measures and prints; 1 where a bound does not hold."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    told, webhook, polled = await crowd(), await by_webhook(), await by_polling()
    rows = [
        (f"memory of each of {SUBSCRIBERS:,} idle subscribers", told["each"], BOUND_KB, "kB"),
        ("a change reaches the last of them, from the request that makes it", told["last"], BOUND_SECONDS, "s"),
        (f"from a change to a subscriber, by webhook (median of {len(webhook)})", median(webhook), BOUND_WEBHOOK_MS, "ms"),
        (f"the same by polling each {POLL_SECONDS:g} s (most of {len(polled)})", max(polled), BOUND_POLL_MS, "ms"),
    ]
    table = Table(title="Live status")
    for column in ("what", "measured", "bound", ""):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, measured, bound, unit in rows:
        table.add_row(what, f"{measured:.2f}", f"{bound:g}", unit)
    console.print(table)
    return int(any(measured >= bound for _, measured, bound, _ in rows))
