"""Redis client, for data that may be lost: short timeouts and no retries, so that an outage keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import SecretStr
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from providers.clock import Clock
from providers.http.circuit_breaker import CircuitBreaker

T = TypeVar("T")

_TIMEOUT = 2.0
_MAX_CONNECTIONS = 16
_PAUSE = 1.0

FAILURES = (RedisError, OSError, TimeoutError, UnicodeDecodeError)
"""Exceptions of a Redis that is away, or holds bytes where a client of texts reads."""


def connect(url: SecretStr | None) -> Redis | None:
    """A client of texts, which connects at its first command; None where no Redis is configured."""
    return None if url is None else Redis.from_url(url.get_secret_value(), decode_responses=True, **_options())


def connection_pool(url: SecretStr) -> ConnectionPool:
    """A pool of connections for bytes."""
    return ConnectionPool.from_url(url.get_secret_value(), decode_responses=False, **_options())


async def call_redis(breaker: CircuitBreaker, command: Callable[[], Awaitable[T]]) -> T | None:
    """The result of a command; None where it fails, and while the breaker is open."""
    if breaker.retry_after() > 0:
        return None
    breaker.start_call()
    try:
        result = await command()
    except FAILURES:
        breaker.record_failure()
        return None
    except BaseException:
        breaker.record_cancellation()
        raise
    breaker.record_success()
    return result


def redis_breaker(clock: Clock) -> CircuitBreaker:
    """Open for a second after each failure, so that an outage keeps one request waiting a second, not each."""
    return CircuitBreaker(clock, threshold=1, pause=_PAUSE)


def _options() -> dict[str, Any]:
    return {
        "socket_connect_timeout": _TIMEOUT,
        "socket_timeout": _TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": _MAX_CONNECTIONS,
    }
