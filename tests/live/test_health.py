"""Subscription of provider health: the current state of each provider, and every change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from liveclient import Failed, LiveClient, events, live
from scene import NOW, Scene
from scene import scene as running

from providers.sandbox.certificate_authority import CertificateAuthority

HEALTH = """subscription($names: [String!]) {
  providerHealth(names: $names) { name health { state circuit problem { code } } credentials { state } }
}"""


@pytest.fixture
async def scene(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Scene]:
    async with running(tmp_path, authority) as scene:
        yield scene


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[LiveClient]:
    async with live(scene.address) as client:
        yield client


async def following(client: LiveClient, *names: str) -> AsyncIterator[tuple[str, str, str, str]]:
    """Name, health, circuit and connection of what comes."""
    async for result in client.subscribe(HEALTH, {"names": list(names) or None}):
        found: dict[str, Any] = result["data"]["providerHealth"]
        yield found["name"], found["health"]["state"], found["health"]["circuit"], found["credentials"]["state"]


async def read(scene: Scene, provider: str) -> None:
    await scene.ask(
        "query($p: String!, $k: String!, $n: Duration) { sessionByKey(provider: $p, key: $k, maxAge: $n) { id } }",
        p=provider,
        k="lease/elsewhere" if provider == "persist" else "404",
        n=NOW,
    )


async def test_health_of_every_provider_is_sent_at_once(client: LiveClient) -> None:
    stream = following(client)
    found = [await anext(stream) for _ in range(4)]
    assert [name for name, *_ in found] == ["easyink", "persist", "seal", "signicat"]
    assert {state for _, state, *_ in found} == {"UNKNOWN"}
    assert {name: connection for name, *_, connection in found}["easyink"] == "CONNECTED"


async def test_each_change_of_health_is_sent_once(scene: Scene, client: LiveClient) -> None:
    stream = following(client, "signicat")
    assert await anext(stream) == ("signicat", "UNKNOWN", "CLOSED", "UNKNOWN")
    for _ in range(3):
        await read(scene, "signicat")
    first = await anext(stream)
    if first[3] == "UNKNOWN":  # between the token and the call that it was for
        first = await anext(stream)
    assert first == ("signicat", "UP", "CLOSED", "CONNECTED")
    await scene.fault("signicat", method="GET", status=503)
    await read(scene, "signicat")
    assert (await anext(stream))[1:3] == ("DEGRADED", "CLOSED")
    for _ in range(5):
        await read(scene, "signicat")
    seen = [await anext(stream)]
    assert seen[0][1:3] == ("DOWN", "OPEN")
    while seen[-1][2] != "HALF_OPEN":  # by time alone
        seen.append(await anext(stream))
    await scene.heal("signicat")
    await read(scene, "signicat")
    while seen[-1][1] == "DOWN":
        seen.append(await anext(stream))
    assert seen[-1][1:3] == ("UP", "CLOSED")
    assert all(one != other for one, other in pairwise(seen)), seen


async def test_health_of_other_providers_is_not_sent(scene: Scene, client: LiveClient) -> None:
    stream = following(client, "persist")
    await anext(stream)
    await read(scene, "signicat")
    await read(scene, "persist")
    assert (await anext(stream))[:2] == ("persist", "UP")


async def test_expired_token_is_sent_when_it_expires(scene: Scene, client: LiveClient) -> None:
    stream = following(client, "easyink")
    assert (await anext(stream))[3] == "CONNECTED"
    scene.clock.ahead += 400 * 86_400
    await read(scene, "persist")
    assert (await anext(stream))[3] == "EXPIRED"


async def test_an_unknown_name_is_refused(scene: Scene, client: LiveClient) -> None:
    with pytest.raises(Failed) as failed:
        [each async for each in following(client, "signicat", "nobody")]
    (error,) = failed.value.args[0]
    assert error["extensions"] == {"code": "NOT_FOUND", "retryable": False, "path": ["names"]}


async def test_health_is_fanned_out_and_ends_with_the_last_subscriber(scene: Scene) -> None:
    async with live(scene.address) as one, live(scene.address) as other:
        streams = [following(one, "seal"), following(other, "seal")]
        for stream in streams:
            await anext(stream)
        await read(scene, "seal")
        for stream in streams:
            assert (await anext(stream))[1] != "UNKNOWN"
    for _ in range(100):
        if not [task for task in asyncio.all_tasks() if task.get_name() == "vigil over providers"]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the vigil goes on for nobody")


async def test_health_is_sent_as_an_event_stream(scene: Scene) -> None:
    async with events(scene.address, HEALTH, {"names": ["persist"]}) as stream:
        results = stream.results()
        assert (await anext(results))["data"]["providerHealth"]["health"]["state"] == "UNKNOWN"
        await read(scene, "persist")
        assert (await anext(results))["data"]["providerHealth"]["health"]["state"] == "UP"
