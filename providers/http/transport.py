"""HTTP transport: sends one call and opens its response, in the words of httpx. ``http1`` and ``httpx_transport`` implement it.

What goes wrong on the way is told without words of what was sent: an address may be secret too.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Protocol

import httpx

RequestStream = bytes | AsyncIterator[bytes]


class TransportError(Exception):
    """No answer came, or only a part of one: the connection broke."""


class ConnectError(TransportError):
    """There is no connection: nothing was sent."""


class TimeoutException(TransportError):
    """Nothing went on for too long."""


class DecodingError(TransportError):
    """What came cannot be decompressed."""


class StreamedResponse(Protocol):
    """An answer whose body is still to be read. Header names match in any case."""

    @property
    def status_code(self) -> int:
        """Its HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""

    def whole(self) -> bytes | None:
        """All of its body, where that is here already and was not compressed."""

    async def read(self) -> bytes:
        """The next piece of its body, decompressed; nothing at the end. Raises ``TransportError``."""

    async def aclose(self) -> None:
        """Ends the connection, unless the body has been read to its end."""


class Transport(Protocol):
    """Carries calls. What it carries is sent at most once, and no redirect is followed."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None, patience: float | None = None
    ) -> StreamedResponse:
        """The beginning of the answer, to be closed, if it comes within so many seconds. Raises ``TransportError``."""

    async def close(self) -> None:
        """Closes every connection."""


@cache
def client_context(user: str) -> ssl.SSLContext:
    """The context of one ``user``, who sets the protocols that it offers. Reading the certificates takes 50 ms: it is kept."""
    return httpx.create_ssl_context()
