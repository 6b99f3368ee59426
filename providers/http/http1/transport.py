"""HTTP/1.1 transport: sends requests over pooled sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from providers.http.http1.connection_pool import ConnectionPool
from providers.http.http1.route import find_route
from providers.http.message.content_coding import ACCEPTED
from providers.http.message.request import encode_head
from providers.http.proxies import Proxies
from providers.http.transport import ConnectError, RequestStream, StreamedResponse, TimeoutException

_BODILESS: Final = frozenset({"GET", "HEAD"})
_URL: Final = re.compile(r"(https?)://([^/?#]+)([^#]*)")
_CACHED_READS: Final = 512
"""Reads that are kept as they are sent."""
_DEFAULT_HEADERS: Final = {"accept": "*/*", "accept-encoding": ACCEPTED, "user-agent": "countersign"}


class Http1Transport:
    """Sends requests over one connection pool for each host.

    Connecting may take ``connect_timeout`` seconds. Each piece of a streamed body may take ``write_timeout``, and so may the
    response after it. An idle connection is closed after ``keepalive_expiry``.
    """

    def __init__(self, *, connect_timeout: float, write_timeout: float, keepalive_expiry: float = 5.0) -> None:
        self._connect_timeout = connect_timeout
        self._keepalive_expiry = keepalive_expiry
        self._write_timeout = write_timeout
        self._proxies = Proxies()
        self._pools: dict[tuple[str, str], ConnectionPool] = {}
        self._encoded_read = lru_cache(_CACHED_READS)(self._encode_read)
        self._closed = False

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None, head_timeout: float | None = None
    ) -> Coroutine[Any, Any, StreamedResponse]:
        """Sends a request; returns the response once its head is here. Raises ``TransportError``, or what ``body`` raises."""
        if self._closed:
            raise ConnectError("Connections are no longer made.")
        bodiless = method == "HEAD"
        if body is None and method in _BODILESS:
            pool, request = self._encoded_read(method, url, tuple(headers.items()))
        else:
            pool, target, sent_headers = self._resolve(url, headers)
            if body is not None and not isinstance(body, bytes):
                return self._send_stream(pool, method, target, sent_headers, body, head_timeout)
            sent_headers["content-length"] = str(len(body or b""))
            request = encode_head(method, target, sent_headers) + (body or b"")
        connection = pool.acquire_idle()
        if connection is None:
            return _send_on_new_connection(pool, request, head_timeout, bodiless=bodiless)
        return connection.send(request, head_timeout, bodiless=bodiless)

    async def close(self) -> None:
        """Closes every connection; nothing can be sent any more."""
        self._closed = True
        for pool in self._pools.values():
            await pool.close()

    def _encode_read(self, method: str, url: str, headers: Iterable[tuple[str, str]]) -> tuple[ConnectionPool, bytes]:
        """The pool of a read without a body, and its bytes. The same read is sent again and again."""
        pool, target, sent_headers = self._resolve(url, dict(headers))
        return pool, encode_head(method, target, sent_headers)

    def _resolve(self, url: str, headers: Mapping[str, str]) -> tuple[ConnectionPool, str, dict[str, str]]:
        """The pool, the target and the headers of a request."""
        scheme, authority, target = _split(url)
        pool = self._pools.get((scheme, authority)) or self._pool(scheme, authority)
        sent_headers = {"host": authority, **_DEFAULT_HEADERS, **pool.route.headers}
        sent_headers |= {name.lower(): value for name, value in headers.items()}
        return pool, pool.route.target_prefix + target, sent_headers

    async def _send_stream(
        self,
        pool: ConnectionPool,
        method: str,
        target: str,
        sent_headers: dict[str, str],
        body: AsyncIterator[bytes],
        head_timeout: float | None,
    ) -> StreamedResponse:
        length = int(sent_headers["content-length"]) if "content-length" in sent_headers else None
        if length is None:
            sent_headers["transfer-encoding"] = "chunked"
        request = encode_head(method, target, sent_headers)
        try:
            async with asyncio.timeout(head_timeout):
                connection = pool.acquire_idle() or await pool.connect(None)
                return await connection.send_stream(request, body, length, self._write_timeout)
        except TimeoutError as error:
            raise TimeoutException("The response took too long.") from error

    def _pool(self, scheme: str, authority: str) -> ConnectionPool:
        pool = self._pools[scheme, authority] = ConnectionPool(
            find_route(scheme, authority, self._proxies),
            connect_timeout=self._connect_timeout,
            keepalive_expiry=self._keepalive_expiry,
        )
        return pool


async def _send_on_new_connection(
    pool: ConnectionPool, request: bytes, head_timeout: float | None, *, bodiless: bool
) -> StreamedResponse:
    """Connects first; the time that takes is part of ``head_timeout``."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    connection = await pool.connect(head_timeout)
    head_timeout = None if head_timeout is None else head_timeout - (loop.time() - began_at)
    return await connection.send(request, head_timeout, bodiless=bodiless)


def _split(url: str) -> tuple[str, str, str]:
    """Scheme, authority, and the rest of a URL."""
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("This is no address of HTTP.")
    scheme, authority, rest = match.groups()
    return scheme, authority, rest if rest.startswith("/") else f"/{rest}"
