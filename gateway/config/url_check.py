"""URL check: mistakes in the URLs of the database, Redis and proxies, found at start and not by the first call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from redis.connection import ConnectionPool
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from providers.http.message.url import split_url

_DATABASES: Final = ("sqlite", "postgresql")
_SOCKETS: Final = "unix"
_REDIS: Final = ("redis", "rediss", _SOCKETS)
_PROXIES: Final = ("http", "https", "socks4", "socks5", "socks5h")
_PROXY_VARIABLES: Final = ("http_proxy", "https_proxy", "all_proxy")


def database_mistake(value: str) -> str | None:
    """The mistake in the URL of a database; None where there is none."""
    scheme, separator, _ = value.partition("://")
    backend = scheme.partition("+")[0]
    if not separator or backend not in _DATABASES:
        return "is no database address"
    try:
        url = make_url(value)
        port = url.port
    except (ArgumentError, ValueError):
        return "has a port that is none, or another part that cannot be read"
    if backend == "sqlite":
        return "has a host, which a file has not" if url.host else None
    if port is not None and not 1 <= port <= 65535:
        return "has a port that is not from 1 to 65535"
    if not url.host and "host" not in url.query:
        return "lacks a host"
    return None if url.host is None or not any(map(str.isspace, url.host)) else "has a blank in its host"


def redis_mistake(value: str) -> str | None:
    """The mistake in the URL of a Redis; None where there is none."""
    try:
        parts = split_url(value)
        if parts.scheme not in _REDIS:
            return "is no address of a Redis"
        pool = ConnectionPool.from_url(value)
        pool.make_connection()
    except ValueError as error:
        return str(error)
    except TypeError:
        return "has an option behind the question mark that there is not"
    if parts.scheme == _SOCKETS:
        return None if parts.path.strip("/") else "lacks the path of a socket"
    if not parts.hostname:
        return "lacks a host"
    number = parts.path.strip("/")
    return None if not number or number.isdecimal() else "names a database that is no number"


def proxy_mistakes(environment: Mapping[str, str]) -> dict[str, str]:
    """The mistakes in the proxy URLs of the environment, by variable."""
    mistakes: dict[str, str] = {}
    for name in (each for lower in _PROXY_VARIABLES for each in (lower, lower.upper())):
        if value := environment.get(name):
            try:
                parts = split_url(value if "://" in value else f"http://{value}")
                mistake = None if parts.scheme in _PROXIES and parts.hostname else "is no address of a proxy"
            except ValueError as error:
                mistake = str(error)
            if mistake is not None:
                mistakes[f"the environment variable {name}"] = f"{mistake}. Write http://HOST:PORT."
    return mistakes
