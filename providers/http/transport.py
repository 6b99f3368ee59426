"""Transport: the seam between client and network, in httpx's terms. ``http1`` and ``httpx_transport`` implement it.

Errors say nothing of the request: its URL may be secret too.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Protocol

import httpx

RequestStream = bytes | AsyncIterator[bytes]


class TransportError(Exception):
    """No response arrived, or only a part of one: the connection broke."""


class ConnectError(TransportError):
    """No connection was made: nothing was sent."""


class TimeoutException(TransportError):
    """A timeout passed without progress."""


class DecodingError(TransportError):
    """The body cannot be decompressed."""


class StreamedResponse(Protocol):
    """A response whose body is still to be read. Header names match in any case."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""

    def buffered(self) -> bytes | None:
        """The complete body, where it has arrived already and was not compressed."""

    async def read_chunk(self) -> bytes:
        """The next chunk of the body, decompressed; empty at the end. Raises ``TransportError``."""

    async def aclose(self) -> None:
        """Closes the connection, unless the body has been read to its end."""


class Transport(Protocol):
    """Sends requests. Each is sent at most once, and no redirect is followed."""

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: RequestStream | None,
        head_timeout: float | None = None,
    ) -> StreamedResponse:
        """Sends a request; returns the response, to be closed, once its head has arrived within ``head_timeout`` seconds.

        Raises ``TransportError``.
        """

    async def close(self) -> None:
        """Closes every connection."""


@cache
def client_context(user: str) -> ssl.SSLContext:
    """The TLS context of one ``user``, who sets its ALPN protocols. It is cached: reading the certificates takes 50 ms."""
    return httpx.create_ssl_context()
