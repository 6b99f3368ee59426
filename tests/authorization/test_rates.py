"""How much may be asked for: by one viewer, and from one address by whoever cannot say who they are."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from door import Door, key, opened
from hypothesis import given
from hypothesis import strategies as st
from liveclient import live
from scene import pdf
from scene import scene as running

from gateway.auth.api_key import digest
from gateway.auth.authentication import Authentication
from gateway.auth.client_address import Addresses
from gateway.auth.rate_limits import TokenBuckets
from gateway.cache.shared_cache import SharedCache
from gateway.config import parse
from providers.clock import Clock
from providers.errors import ConfigurationError
from providers.sandbox.certificate_authority import CertificateAuthority

ME = "{ viewer { subject } }"
EVENTS = "subscription { sessionEvents { type } }"
READER, OTHER = key("sessions:read"), key("native:read")
TRUST = httpx.create_ssl_context()
"""Read once: for each client anew, it takes so long that what was spent flows back meanwhile."""
RATES = {"per_second": 2, "burst": 5, "failures_per_second": 1, "failures_burst": 3, "subscriptions": 2}


@pytest.fixture
async def narrow(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Door]:
    shares = {"viewer_files": 2, "viewer_bytes": 100_000, "folder": str(tmp_path / "staged")}
    server = {"trusted_proxies": ["127.0.0.0/8"]}
    async with opened(tmp_path, authority, rates=RATES, uploads=shares, server=server) as door:
        yield door


async def post(door: Door, credentials: str | None, address: str | None = None) -> httpx.Response:
    headers = {} if credentials is None else {"authorization": f"Bearer {credentials}"}
    if address is not None:
        headers["x-forwarded-for"] = address
    async with httpx.AsyncClient(base_url=door.scene.address, verify=TRUST) as client:
        return await client.post("/graphql", json={"query": ME}, headers=headers)


def status(replies: list[httpx.Response]) -> list[int]:
    return [each.status_code for each in replies]


# buckets


@given(st.floats(0.5, 500), st.integers(1, 300), st.floats(0, 1e7))
def test_a_bucket_gives_what_it_holds_then_what_flows_back(rate: float, burst: int, now: float) -> None:
    buckets = TokenBuckets(rate, burst)
    assert all(buckets.take("x", now) == 0 for _ in range(burst))
    wait = buckets.take("x", now)
    assert 0 < wait <= 1 / rate + 1e-5
    assert buckets.wait("x", now) == wait
    assert buckets.take("y", now) == 0, "each has its own"
    assert buckets.take("x", now + wait) == 0
    assert buckets.take("x", now + wait) > 0
    later = now + wait + burst / rate + 1
    assert all(buckets.take("x", later) == 0 for _ in range(burst))
    assert buckets.take("x", later) > 0


def test_however_many_come_no_more_are_remembered() -> None:
    buckets = TokenBuckets(1, 2)
    for number in range(10_500):
        buckets.take(str(number), 0)
    assert len(buckets) == 10_000
    assert buckets.take("10499", 0) == 0
    assert buckets.take("10499", 0) > 0


# viewers


async def test_whoever_asks_too_often_is_told_when_to_ask_again(narrow: Door) -> None:
    narrow.scene.clock.ahead += 100
    replies = [await post(narrow, READER) for _ in range(5)]
    assert status(replies) == [200] * 5
    full = await post(narrow, READER)
    assert full.status_code == 429
    assert full.headers["retry-after"] == "1"
    (error,) = full.json()["errors"]
    assert error["extensions"]["code"] == "TOO_MANY_REQUESTS"
    assert error["extensions"]["retryable"] is True
    assert 0 < error["extensions"]["retryAfterMs"] <= 500
    put = await narrow.scene.client.put("/uploads", content=pdf(), headers={"authorization": f"Bearer {READER}"})
    assert (put.status_code, put.json()["problem"]["code"]) == (429, "TOO_MANY_REQUESTS")
    assert (await post(narrow, OTHER)).status_code == 200, "others are none the wiser"
    narrow.scene.clock.ahead += 0.5
    assert (await post(narrow, READER)).status_code == 200


async def test_a_socket_is_told_so_and_stays_open(narrow: Door) -> None:
    async with live(narrow.scene.address, greeted=False) as client:
        await client.say({"type": "connection_init", "payload": {"Authorization": f"Bearer {READER}"}})
        await client.hear()
        for number in range(8):
            await client.start(ME, key=str(number))
        told = [(await client.next(str(number))) for number in range(8)]
        assert [each["type"] for each in told].count("next") == 4
        (code,) = {each["payload"][0]["extensions"]["code"] for each in told if each["type"] == "error"}
        assert code == "TOO_MANY_REQUESTS"
        assert all(each["payload"][0]["extensions"]["retryAfterMs"] > 0 for each in told if each["type"] == "error")
        narrow.scene.clock.ahead += 5
        await client.start(ME, key="later")
        assert (await client.next("later"))["type"] == "next"


async def test_one_viewer_follows_so_much_at_a_time_over_all_connections(narrow: Door) -> None:
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(3):
            client = await stack.enter_async_context(live(narrow.scene.address, greeted=False))
            await client.say({"type": "connection_init", "payload": {"Authorization": f"Bearer {READER}"}})
            await client.hear()
            narrow.scene.clock.ahead += 5
            await client.start(EVENTS)
            clients.append(client)
            await asyncio.sleep(0.05 if number < 2 else 0)
        refused = await clients[2].next()
        assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_REQUESTS"
        await clients[0].stop()
        await clients[1].socket.close()
        await asyncio.sleep(0.1)
        narrow.scene.clock.ahead += 5
        for name in ("a", "b"):
            await clients[2].start(EVENTS, key=name)
        await asyncio.sleep(0.05)
        narrow.scene.clock.ahead += 5
        await narrow.scene.create("easyink")
        for name in ("a", "b"):
            assert (await clients[2].next(name))["type"] == "next", "what ended has given its place back"


async def test_one_viewer_stages_so_much_at_a_time(narrow: Door) -> None:
    async def put(name: str, content: bytes) -> httpx.Response:
        narrow.scene.clock.ahead += 5
        headers = {"authorization": f"Bearer {key(name)}", "content-type": "application/octet-stream"}
        return await narrow.scene.client.put("/uploads", content=content, headers=headers)

    large = await put("sessions:write", b"x" * 100_001)
    assert (large.status_code, large.json()["problem"]["code"]) == (429, "TOO_MANY_REQUESTS")
    assert (await put("sessions:write", b"x" * 60_000)).status_code == 201
    assert (await put("sessions:write", b"x" * 60_000)).status_code == 429
    assert (await put("sessions:write", b"x" * 30_000)).status_code == 201
    assert (await put("sessions:write", b"x")).status_code == 429, "two files are as many as may wait"
    assert len(os.listdir(narrow.scene.settings.uploads.folder)) == 2, "nothing is left of what was refused"
    assert (await put("everything", b"x" * 60_000)).status_code == 201
    narrow.scene.clock.ahead += 3_600
    assert (await put("sessions:write", b"x")).status_code == 201, "what has expired does not count"


# addresses


async def test_an_address_that_fails_too_often_is_not_listened_to(narrow: Door) -> None:
    token = narrow.issuer.token()
    assert (await post(narrow, token, "192.0.2.7")).status_code == 200
    forged = [narrow.issuer.token(sub=f"eve-{number}", aud="another") for number in range(5)]
    assert status([await post(narrow, each, "192.0.2.7") for each in forged]) == [401, 401, 401, 429, 429]
    assert (await post(narrow, None, "192.0.2.7")).status_code == 429
    fresh = narrow.issuer.token(sub="grace")
    assert (await post(narrow, fresh, "192.0.2.7")).status_code == 429
    assert (await post(narrow, token, "192.0.2.7")).status_code == 200, "whoever is known goes on"
    assert (await post(narrow, READER, "192.0.2.7")).status_code == 200, "and so do keys, which nobody guesses"
    assert (await post(narrow, fresh, "192.0.2.8")).status_code == 200, "and so does whoever is elsewhere"
    assert (await post(narrow, fresh, "192.0.2.8, 192.0.2.7, 127.0.0.9")).status_code == 200, "now known"
    assert (await post(narrow, forged[0], "192.0.2.8, 192.0.2.7, 127.0.0.9")).status_code == 429, "the last is who it is"
    async with live(narrow.scene.address, additional_headers={"x-forwarded-for": "192.0.2.7"}, greeted=False) as client:
        await client.say({"type": "connection_init", "payload": {"Authorization": f"Bearer {forged[0]}"}})
        assert (await client.end())[0] == 1013
    narrow.scene.clock.ahead += 1
    assert (await post(narrow, forged[0], "192.0.2.7")).status_code == 401


@pytest.mark.parametrize(
    ("proxies", "peer", "told", "client"),
    [
        ((), "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (("10.0.0.0/8",), "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (("10.0.0.0/8",), "10.0.0.1", None, "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", "198.51.100.7", "198.51.100.7"),
        (("10.0.0.0/8",), "10.0.0.1", "1.1.1.1, 198.51.100.7,10.9.9.9", "198.51.100.7"),
        (("10.0.0.0/8",), "10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", "", "10.0.0.1"),
        (("10.0.0.1",), "10.0.0.1", "2001:db8:1:2:3:4:5:6", "20010db800010002"),
        (("10.0.0.1",), "10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ((), "2001:db8:1:2::9", None, "20010db800010002"),
    ],
)
def test_an_address_is_believed_of_proxies_alone(proxies: tuple[str, ...], peer: str, told: str | None, client: str) -> None:
    headers = [] if told is None else [(b"x-forwarded-for", told.encode())]
    assert Addresses(proxies).of({"client": (peer, 5), "headers": headers}) == client


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"server\.trusted_proxies.*proxy\.local is neither"):
        parse({"server": {"trusted_proxies": ["proxy.local"]}}, {})


# without any of it


async def test_without_authentication_nothing_is_counted(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with running(tmp_path, authority, {"rates": RATES, "uploads": {"viewer_files": 1}}) as scene:
        for _ in range(20):
            assert "errors" not in await scene.ask(ME)
        for _ in range(3):
            await scene.upload()
        async with live(scene.address) as client:
            for number in range(4):
                await client.start(EVENTS, key=str(number))
            await asyncio.sleep(0.05)
            await scene.create("easyink")
            for number in range(4):
                assert (await client.next(str(number)))["type"] == "next"


async def test_whoever_is_known_costs_no_more_than_a_look(record_property: Any) -> None:
    settings = parse({"authentication": {"keys": [_row()]}, "rates": {"per_second": 0}}, {})
    bounded = parse({"authentication": {"keys": [_row()]}, "rates": {"per_second": 1e9}}, {})
    figures = []
    for each in (settings, bounded):
        authentication = Authentication(each, SharedCache(None, None, Clock()), Clock())
        best = min([await _microseconds(authentication) for _ in range(5)])
        figures.append(best)
        await authentication.close()
    assert max(figures) < 25, "a signature is checked in no less than that"
    record_property(
        "figure", f"authorization: {figures[1]:.2f} µs for somebody known, {figures[1] - figures[0]:.2f} of it to count"
    )


async def _microseconds(authentication: Authentication) -> float:
    begun = time.perf_counter()
    for _ in range(2_000):
        await authentication.authenticate(f"Bearer {READER}", str)
    return (time.perf_counter() - begun) / 2_000 * 1e6


def _row() -> dict[str, Any]:
    return {"name": "robot", "sha256": digest(READER), "scopes": ["sessions:read"]}
