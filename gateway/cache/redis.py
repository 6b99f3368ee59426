"""The way to a Redis, for what may be lost: it gets no time to keep anybody waiting."""

from __future__ import annotations

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_PATIENCE = 2.0
_ONCE = Retry(NoBackoff(), 0)

FAILURES = (RedisError, OSError, TimeoutError)
"""What a Redis that is not there may raise."""


def connect(url: SecretStr | None) -> Redis | None:
    """A client, connected once it is used; None where no Redis is configured."""
    if url is None:
        return None
    return Redis.from_url(
        url.get_secret_value(),
        decode_responses=True,
        socket_connect_timeout=_PATIENCE,
        socket_timeout=_PATIENCE,
        retry=_ONCE,
        max_connections=16,
    )
