"""Redis client, for data that may be lost: short timeouts and no retries, so that an outage keeps nobody waiting."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_TIMEOUT = 2.0
_MAX_CONNECTIONS = 16

FAILURES = (RedisError, OSError, TimeoutError, UnicodeDecodeError)
"""Exceptions of a Redis that is away, or holds bytes where a client of texts reads."""


def connect(url: SecretStr | None) -> Redis | None:
    """A client of texts, which connects at its first command; None where no Redis is configured."""
    return None if url is None else Redis.from_url(url.get_secret_value(), decode_responses=True, **_options())


def connection_pool(url: SecretStr) -> ConnectionPool:
    """A pool of connections for bytes."""
    return ConnectionPool.from_url(url.get_secret_value(), decode_responses=False, **_options())


def _options() -> dict[str, Any]:
    return {
        "socket_connect_timeout": _TIMEOUT,
        "socket_timeout": _TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": _MAX_CONNECTIONS,
    }
