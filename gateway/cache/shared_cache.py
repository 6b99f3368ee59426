"""Shared cache: values that one gateway computes for all, in Redis through aiocache, encrypted with the server's secret.

For values whose computation costs milliseconds and more, such as key sets and verification reports: a lookup takes a round
trip. Encryption authenticates each with its key and expiry: who can write to the Redis can remove a key set or a verdict, but
not forge one, give one the key of another, or keep one for longer.
"""

from __future__ import annotations

import hashlib
import logging
from base64 import urlsafe_b64encode
from typing import Final

import msgspec
from aiocache import RedisCache
from aiocache.serializers import BaseSerializer
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from redis.asyncio import ConnectionPool

from gateway.cache.redis import call_redis, connection_pool, redis_breaker
from providers.clock import Clock

_NAMESPACE: Final = "countersign:shared"
_TIMEOUT: Final = 0.25
_log = logging.getLogger("countersign.cache")


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    """A value with its key and expiry, encrypted together: a copy under another key, or of a former time, is a miss."""

    key: str
    expires_at: float
    value: bytes

    @classmethod
    def decode(cls, body: bytes, key: str, now: float) -> bytes | None:
        """The value of an entry; None where it is of another key, has expired, or is another build's."""
        try:
            entry = msgspec.msgpack.decode(body, type=cls)
        except msgspec.MsgspecError:
            return None
        return entry.value if entry.key == key and now < entry.expires_at else None


class _EncryptedSerializer(BaseSerializer):  # type: ignore[misc]
    """Fernet as a serializer. A value of another secret, or one that was tampered with, is a miss."""

    DEFAULT_ENCODING = None

    def __init__(self, cipher: Fernet) -> None:
        super().__init__()
        self._cipher = cipher

    def dumps(self, value: bytes) -> bytes:
        """Encrypts a value."""
        return self._cipher.encrypt(value)

    def loads(self, value: bytes | None) -> bytes | None:
        """Decrypts a value; None where that cannot be done."""
        try:
            return None if value is None else self._cipher.decrypt(value)
        except InvalidToken:
            _log.warning("a value of the shared cache is of another secret, or was tampered with: it is computed anew")
            return None


class SharedCache:
    """Bytes by key with a TTL. Without a Redis, or a secret, and while Redis is away, every lookup is a miss."""

    def __init__(self, url: SecretStr | None, secret: SecretStr | None, clock: Clock) -> None:
        self._clock = clock
        self._breaker = redis_breaker(clock)
        self._pool: ConnectionPool | None = None
        self._cache: RedisCache | None = None
        if url is not None and secret is not None:
            key = hashlib.blake2b(secret.get_secret_value().encode(), digest_size=32, person=b"shared-cache").digest()
            self._pool = connection_pool(url)
            self._cache = RedisCache(
                serializer=_EncryptedSerializer(Fernet(urlsafe_b64encode(key))),
                namespace=_NAMESPACE,
                timeout=_TIMEOUT,
                connection_pool_class=lambda **_: self._pool,
            )

    async def get(self, key: str) -> bytes | None:
        """The value of a key; None where there is none."""
        if (cache := self._cache) is None:
            return None
        body: bytes | None = await call_redis(self._breaker, lambda: cache.get(key))
        return None if body is None else _Entry.decode(body, key, self._clock.now().timestamp())

    async def put(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """Keeps a value for so long, if Redis is there."""
        if (cache := self._cache) is None:
            return
        entry = msgspec.msgpack.encode(_Entry(key, self._clock.now().timestamp() + ttl_seconds, value))
        await call_redis(self._breaker, lambda: cache.set(key, entry, ttl=float(ttl_seconds)))

    async def close(self) -> None:
        """Closes the connections."""
        if self._pool is not None:
            await self._pool.aclose()
