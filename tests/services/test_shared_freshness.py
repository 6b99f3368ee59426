"""Shared freshness: confirmations of one gateway save the others a call; a Redis that is away delays nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis as Client
from stage import START, session, signer

from gateway.cache.redis import connect
from gateway.cache.shared_freshness import SharedFreshness
from gateway.store import StoredSession
from providers.clock import Clock
from tests.servers import Redis

SEEN = StoredSession(replace(session(), observed_at=START), 3)


@asynccontextmanager
async def confirmations(url: str | None, lasting: float = 60) -> AsyncIterator[SharedFreshness]:
    client = connect(SecretStr(url) if url else None)
    made = SharedFreshness(client, lasting, Clock())
    await made.open()
    try:
        yield made
    finally:
        await made.close()
        if client is not None:
            await client.aclose()


async def told(here: SharedFreshness, stored: StoredSession) -> bool:
    """Whether it is heard of within two seconds."""
    for _ in range(200):
        if await here.confirmed_at(stored) == stored.session.observed_at:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_confirmation_is_shared_with_other_gateway(redis: str) -> None:
    async with confirmations(redis) as mine, confirmations(redis) as theirs:
        assert await mine.confirmed_at(SEEN) is None
        theirs.confirm(SEEN)
        assert await told(mine, SEEN)
        later = StoredSession(replace(SEEN.session, observed_at=START + timedelta(microseconds=1)), 3)
        theirs.confirm(later)
        assert await told(mine, later)


async def test_confirmation_is_of_one_version_only(redis: str) -> None:
    async with confirmations(redis) as mine, confirmations(redis) as theirs:
        theirs.confirm(SEEN)
        assert await told(mine, SEEN)
        assert await mine.confirmed_at(StoredSession(SEEN.session, 4)) is None
        assert await mine.confirmed_at(StoredSession(session("another"), 3)) is None


async def test_confirmation_expires(redis: str) -> None:
    async with confirmations(redis, lasting=0.05) as mine:
        mine.confirm(SEEN)
        await asyncio.sleep(0.3)
        assert await mine.confirmed_at(SEEN) is None


async def test_confirmation_has_no_personal_data(redis: str) -> None:
    person = signer(SEEN.session.ref, "p1", email="ann@acme.test", signing_url="https://sign.example/secret")
    async with confirmations(redis) as mine:
        mine.confirm(StoredSession(replace(SEEN.session, title="Lease", participants=(person,)), 3))
        assert await told(mine, SEEN)
    async with Client.from_url(redis, decode_responses=True) as client:
        kept = {key: await client.get(key) for key in await client.keys()}
    assert kept == {"countersign:confirmed:acme:s1": f"3 {START.timestamp() * 1e6:.0f}"}


async def test_hanging_redis_delays_nobody_and_is_skipped_for_a_while(redis_server: Redis) -> None:
    async with confirmations(redis_server.url) as mine:
        mine.confirm(SEEN)
        assert await told(mine, SEEN)
        redis_server.stop()
        began = time.monotonic()
        for _ in range(200):
            mine.confirm(SEEN)
            assert await mine.confirmed_at(SEEN) is None
        assert time.monotonic() - began < 1


async def test_without_redis_nothing_is_shared() -> None:
    async with confirmations(None) as mine:
        mine.confirm(SEEN)
        assert await mine.confirmed_at(SEEN) is None


@pytest.mark.parametrize(
    "value",
    [b"3 soon", b"3 " + b"9" * 40, b"3 " + b"9" * 5000, b"3 \xff", b"\xff", b"3", b"3 nan", b"", b"3 -" + b"9" * 30],
    ids=["text", "beyond all dates", "many digits", "no digits", "no text", "no time", "nan", "empty", "before all dates"],
)
async def test_value_that_no_gateway_wrote_confirms_nothing(redis: str, value: bytes) -> None:
    async with confirmations(redis) as mine, Client.from_url(redis) as raw:
        await raw.set(f"countersign:confirmed:{SEEN.session.provider}:{SEEN.session.key}", value)
        assert await mine.confirmed_at(SEEN) is None


async def test_session_is_confirmed_at_no_time_to_come(redis: str) -> None:
    async with confirmations(redis) as mine, Client.from_url(redis) as raw:
        key = f"countersign:confirmed:{SEEN.session.provider}:{SEEN.session.key}"
        await raw.set(key, f"3 {(Clock().now() + timedelta(days=3650)).timestamp():.0f}000000")
        confirmed_at = await mine.confirmed_at(SEEN)
        assert confirmed_at is None or confirmed_at <= Clock().now()
