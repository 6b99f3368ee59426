"""Shared cache: values of another gateway are read, and forged ones are misses."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import redis.asyncio as client
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from pydantic import SecretStr

from gateway.auth.jwks import KeySet
from gateway.cache.shared_cache import SharedCache
from gateway.signing.signature_queries import SignatureVerifier
from providers.clock import Clock
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.verification import SignatureReport, VerificationStatus

SECRET = SecretStr("p5Vb2mXq8LrT0cJk3HsYw7ZdNf1AeUgO")

KEY = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def opened(stack: AsyncExitStack, url: str | None, secret: SecretStr | None = SECRET) -> SharedCache:
    cache = SharedCache(SecretStr(url) if url else None, secret, Clock())
    stack.push_async_callback(cache.close)
    return cache


async def test_value_of_one_gateway_is_read_by_another_until_its_ttl_ends(redis: str, stack: AsyncExitStack) -> None:
    mine, theirs = opened(stack, redis), opened(stack, redis)
    assert await theirs.get("report") is None
    await mine.put("report", b"\x00valid\xff", 0.3)
    assert await theirs.get("report") == b"\x00valid\xff"
    await asyncio.sleep(0.4)
    assert await theirs.get("report") is None


async def test_stored_value_shows_nothing_of_its_content(redis: str, stack: AsyncExitStack) -> None:
    await opened(stack, redis).put("report", b"Ada Nordmann", 60)
    async with client.from_url(redis) as raw:
        (key,) = await raw.keys("countersign:shared:*")
        assert b"Nordmann" not in await raw.get(key)


async def test_forged_value_and_value_of_another_secret_are_misses(redis: str, stack: AsyncExitStack) -> None:
    mine = opened(stack, redis)
    async with client.from_url(redis) as raw:
        await raw.set("countersign:shared:report", b"forged")
    assert await mine.get("report") is None
    await opened(stack, redis, SecretStr("another secret")).put("report", b"valid", 60)
    assert await mine.get("report") is None


async def test_value_that_was_copied_to_another_key_is_a_miss(redis: str, stack: AsyncExitStack) -> None:
    mine = opened(stack, redis)
    await mine.put("verdict of a good signature", b"valid", 60)
    async with client.from_url(redis) as raw:
        await raw.copy("countersign:shared:verdict of a good signature", "countersign:shared:verdict of a forged one")
    assert await mine.get("verdict of a forged one") is None
    assert await mine.get("verdict of a good signature") == b"valid"


async def test_value_that_is_stored_anew_after_its_ttl_is_a_miss(redis: str, stack: AsyncExitStack) -> None:
    mine = opened(stack, redis)
    await mine.put("report", b"valid", 0.3)
    async with client.from_url(redis) as raw:
        await raw.persist("countersign:shared:report")
    assert await mine.get("report") == b"valid"
    await asyncio.sleep(0.4)
    assert await mine.get("report") is None


@pytest.mark.parametrize(
    ("url", "secret"), [(None, SECRET), ("redis://127.0.0.1:1/0", SECRET), ("redis://127.0.0.1:1/0", None)]
)
async def test_without_redis_or_secret_every_lookup_is_a_miss(
    url: str | None, secret: SecretStr | None, stack: AsyncExitStack
) -> None:
    cache = opened(stack, url, secret)
    await cache.put("report", b"valid", 60)
    assert await cache.get("report") is None


class Issuer(KeySet):
    """A key set whose host is counted instead of called."""

    fetches = 0
    kid = "first"

    async def _fetch(self) -> bytes:
        self.fetches += 1
        return json.dumps({"keys": [KEY | {"kid": self.kid}]}).encode()


def key_set(stack: AsyncExitStack, redis: str | None) -> Issuer:
    keys = Issuer("https://issuer.example/jwks", ("ES256",), Clock(), opened(stack, redis))
    stack.push_async_callback(keys.close)
    return keys


async def test_key_set_is_fetched_once_for_all_gateways(redis: str, stack: AsyncExitStack) -> None:
    mine, theirs = key_set(stack, redis), key_set(stack, redis)
    assert await mine.key("first", "ES256") is not None
    assert await theirs.key("first", "ES256") is not None
    assert (mine.fetches, theirs.fetches) == (1, 0)


async def test_key_that_the_shared_set_lacks_is_fetched_from_the_issuer(redis: str, stack: AsyncExitStack) -> None:
    mine, theirs = key_set(stack, redis), key_set(stack, redis)
    await mine.key("first", "ES256")
    theirs.kid = "rotated"
    assert await theirs.key("rotated", "ES256") is not None
    assert theirs.fetches == 1


async def test_shared_set_of_another_build_is_fetched_from_the_issuer(redis: str, stack: AsyncExitStack) -> None:
    await opened(stack, redis).put("https://issuer.example/jwks", b"in another form", 60)
    keys = key_set(stack, redis)
    assert await keys.key("first", "ES256") is not None
    assert keys.fetches == 1


async def test_without_redis_each_gateway_fetches_the_key_set(stack: AsyncExitStack) -> None:
    mine, theirs = key_set(stack, None), key_set(stack, None)
    await mine.key("first", "ES256")
    await theirs.key("first", "ES256")
    assert (mine.fetches, theirs.fetches) == (1, 1)


class Verifier(SignatureVerifier):
    """A verifier whose verifications are counted."""

    verifications = 0

    async def _inspect(self, content: bytes) -> SignatureReport | None:
        self.verifications += 1
        return await super()._inspect(content)

    async def status(self, content: bytes) -> VerificationStatus | None:
        """The status of the signature in these bytes."""
        verdict = await self._verdict(content, hashlib.sha256(content).digest())
        return verdict.verification.status if verdict else None


def verifier(stack: AsyncExitStack, redis: str | None, *roots: bytes) -> Verifier:
    reader: Any = None
    return Verifier(reader, opened(stack, redis), Clock(), roots)


async def test_verdict_is_shared_by_gateways_with_the_same_trust_anchors(redis: str, stack: AsyncExitStack) -> None:
    authority = CertificateAuthority()
    signed = await authority.sign_cms(b"contract", "Ada Nordmann")
    mine, theirs = verifier(stack, redis, authority.certificate), verifier(stack, redis, authority.certificate)
    assert await mine.status(signed) is VerificationStatus.VALID
    assert await theirs.status(signed) is VerificationStatus.VALID
    assert (mine.verifications, theirs.verifications) == (1, 0)
    untrusting = verifier(stack, redis)
    await untrusting.status(signed)
    assert untrusting.verifications == 1


async def test_bytes_without_a_signature_are_verified_once_for_all_gateways(redis: str, stack: AsyncExitStack) -> None:
    mine, theirs = verifier(stack, redis), verifier(stack, redis)
    assert await mine.status(b"nothing") is None
    assert await theirs.status(b"nothing") is None
    assert (mine.verifications, theirs.verifications) == (1, 0)
