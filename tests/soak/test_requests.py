"""A gateway under load: it answers every request, and holds no more memory in the end than when it was warm."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gateway.demo.client import CREATE, Client
from providers.sandbox.certificate_authority import sample_pdf
from tests.bench.process import Running, running
from tests.soak import REQUESTS

pytestmark = [pytest.mark.servers, pytest.mark.soak, pytest.mark.timeout(1800)]

CONNECTIONS = 16
WARM_UP_LAPS = 2
LAP_SECONDS = 1.0 if REQUESTS < 100_000 else 10.0
GROWTH_MEGABYTES = 12.0
LIST = """query L($first: Int!) { sessions(first: $first, maxAge: "PT1H") {
  totalCount nodes { id title status participants { email status } documents { title } } sources { provider outcome }
} }"""
ONE = (
    'query S($id: ID!) { session(id: $id, maxAge: "PT1H") { id title status progress { signed pending } freshness { ageMs } } }'
)
SESSIONS = 40


async def _create(gateway: Running) -> list[str]:
    """Creates sessions; gives their ids."""
    async with Client(gateway.address) as client, httpx.AsyncClient(base_url=gateway.address, timeout=60) as http:
        ids = []
        for number in range(SESSIONS):
            sent = await http.put("/uploads", content=sample_pdf("Lease"), headers={"content-type": "application/pdf"})
            given = {
                "provider": "easyink",
                "title": f"Lease {number}",
                "documents": [{"upload": sent.raise_for_status().json()["id"]}],
                "participants": [{"firstName": "Ada", "lastName": "Lovelace", "email": "ada@people.example"}],
            }
            ids.append((await client.mutate(CREATE, "createSession", given))["session"]["id"])
        return ids


def _bodies(ids: list[str]) -> list[str]:
    """Operations in turn: each session, lists of several lengths, and texts that no plan is cached for any more."""
    bodies = [json.dumps({"query": ONE, "variables": {"id": each}}) for each in ids]
    bodies += [json.dumps({"query": LIST, "variables": {"first": 5 + number}}) for number in range(10)]
    return bodies + [
        json.dumps({"query": f"{{ alias{number}: viewer {{ id }} providers {{ name }} }}"}) for number in range(50)
    ]


async def _lap(address: str, bodies: list[str]) -> dict[str, Any]:
    """Asks for so long, from a process of its own."""
    work = {"address": address, "path": "/graphql", "bodies": bodies, "connections": CONNECTIONS, "seconds": LAP_SECONDS}
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.load", stdin=pipe, stdout=pipe)
    said, _ = await child.communicate(json.dumps(work).encode())
    result: dict[str, Any] = json.loads(said)
    return result


async def test_gateway_answers_every_request_and_its_memory_does_not_grow(
    record_property: Callable[[str, object], None],
) -> None:
    async with running({"easyink": {"poll_interval": 3600, "poll_interval_watched": 3600}}) as gateway:
        bodies = _bodies(await _create(gateway))
        for _ in range(WARM_UP_LAPS):
            await _lap(gateway.address, bodies)
        warm, answered, slowest = gateway.process.memory(), 0, 0.0
        while answered < REQUESTS:
            result = await _lap(gateway.address, bodies)
            assert not result["failures"], result["sample"]
            answered, slowest = answered + result["requests"], max(slowest, result["p99"])
        grown = gateway.process.memory() - warm
    figure = f"soak: {answered:,} requests, p99 {slowest:.0f} ms, memory {warm:.0f} MB and {grown:+.1f} MB"
    record_property("figure", figure)
    assert grown < GROWTH_MEGABYTES
