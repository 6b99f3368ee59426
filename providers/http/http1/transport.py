"""Carries calls over sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from providers.http.http1.connection_pool import ConnectionPool
from providers.http.http1.route import route
from providers.http.message.content_coding import ACCEPTED
from providers.http.message.request import encode_head
from providers.http.proxies import Proxies
from providers.http.transport import ConnectError, RequestStream, StreamedResponse, TimeoutException

_BODILESS: Final = frozenset({"GET", "HEAD"})
_ADDRESS: Final = re.compile(r"(https?)://([^/?#]+)([^#]*)")
_REMEMBERED: Final = 512
"""So many questions are kept as they are sent."""
_USUAL: Final = {"accept": "*/*", "accept-encoding": ACCEPTED, "user-agent": "countersign"}


class Http1Transport:
    """Carries calls over connections that stay open for the next one.

    Connecting may take ``connect`` seconds. Each piece of a streamed body may take ``stall`` to be sent, and so may
    the answer to it. A connection that is used by nobody stays open for ``idle``.
    """

    def __init__(self, *, connect: float, stall: float, idle: float = 5.0) -> None:
        self._connect = connect
        self._idle = idle
        self._stall = stall
        self._proxies = Proxies()
        self._pools: dict[tuple[str, str], ConnectionPool] = {}
        self._asked = lru_cache(_REMEMBERED)(self._asking)
        self._closed = False

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None, patience: float | None = None
    ) -> Coroutine[Any, Any, StreamedResponse]:
        """The beginning of the answer, to be closed. Raises ``TransportError``, or what ``body`` raises."""
        if self._closed:
            raise ConnectError("Connections are no longer made.")
        headless = method == "HEAD"
        if body is None and method in _BODILESS:
            pool, request = self._asked(method, url, tuple(headers.items()))
        else:
            pool, target, said = self._addressed(url, headers)
            if body is not None and not isinstance(body, bytes):
                return self._streamed(pool, method, target, said, body, patience)
            said["content-length"] = str(len(body or b""))
            request = encode_head(method, target, said) + (body or b"")
        connection = pool.kept()
        if connection is None:
            return _answered(pool, request, patience, headless=headless)
        return connection.ask(request, patience, headless=headless)

    async def close(self) -> None:
        """Closes every connection; nothing can be sent any more."""
        self._closed = True
        for pool in self._pools.values():
            await pool.close()

    def _asking(self, method: str, url: str, headers: Iterable[tuple[str, str]]) -> tuple[ConnectionPool, bytes]:
        """What is sent to ask for something, and whom. The same is asked for again and again."""
        pool, target, said = self._addressed(url, dict(headers))
        return pool, encode_head(method, target, said)

    def _addressed(self, url: str, headers: Mapping[str, str]) -> tuple[ConnectionPool, str, dict[str, str]]:
        """Whom a call is sent to, what it names there, and its headers."""
        scheme, authority, target = _parts(url)
        pool = self._pools.get((scheme, authority)) or self._pool(scheme, authority)
        said = {"host": authority, **_USUAL, **pool.route.headers}
        said |= {name.lower(): value for name, value in headers.items()}
        return pool, pool.route.before + target, said

    async def _streamed(
        self,
        pool: ConnectionPool,
        method: str,
        target: str,
        said: dict[str, str],
        body: AsyncIterator[bytes],
        patience: float | None,
    ) -> StreamedResponse:
        length = int(said["content-length"]) if "content-length" in said else None
        if length is None:
            said["transfer-encoding"] = "chunked"
        request = encode_head(method, target, said)
        try:
            async with asyncio.timeout(patience):
                connection = pool.kept() or await pool.opened(None)
                return await connection.stream(request, body, length, self._stall)
        except TimeoutError as error:
            raise TimeoutException("The answer took too long.") from error

    def _pool(self, scheme: str, authority: str) -> ConnectionPool:
        made = self._pools[scheme, authority] = ConnectionPool(
            route(scheme, authority, self._proxies), patience=self._connect, idle=self._idle
        )
        return made


async def _answered(pool: ConnectionPool, request: bytes, patience: float | None, *, headless: bool) -> StreamedResponse:
    """By a connection that is still to be made, which takes of the patience."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    connection = await pool.opened(patience)
    patience = None if patience is None else patience - (loop.time() - begun)
    return await connection.ask(request, patience, headless=headless)


def _parts(url: str) -> tuple[str, str, str]:
    """Scheme, host with port, and the rest of an address."""
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise ValueError("This is no address of HTTP.")
    scheme, authority, rest = found.groups()
    return scheme, authority, rest if rest.startswith("/") else f"/{rest}"
