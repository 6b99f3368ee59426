"""Where calls go, and how they get there: straight, or by the proxy that the environment names."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Final
from urllib.parse import unquote, urlsplit

from aiohappyeyeballs import start_connection

from providers.http.http1.connection import Http1Connection
from providers.http.message.request import encode_head
from providers.http.proxies import Proxies
from providers.http.transport import ConnectError, client_context

_PORTS: Final = {"http": 80, "https": 443}
_EYEBALLS_SECONDS: Final = 0.25
"""How long one address of a host is tried before the next one is beside it (RFC 8305)."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a host. ``before`` goes before the path of a call, ``headers`` into its head."""

    scheme: str
    authority: str
    proxy: str | None
    before: str
    headers: Mapping[str, str]

    async def open(self, made: Callable[[], Http1Connection]) -> Http1Connection:
        """A connection that calls can be sent through. Raises ``OSError``, ``ValueError`` or ``TransportError``."""
        host, port = _host(self.scheme, self.authority)
        if self.proxy is None:
            return await _connected(made, host, port, tls=self.scheme == "https")
        proxy = urlsplit(self.proxy)
        if proxy.scheme not in _PORTS:
            raise ConnectError("A proxy of this kind needs the transport httpx.")
        connection = await _connected(made, *_host(proxy.scheme, proxy.netloc.rpartition("@")[2]), tls=proxy.scheme == "https")
        if self.scheme == "http":
            return connection
        return await _tunnelled(made, connection, host, port, _proof(self.proxy))


def route(scheme: str, authority: str, proxies: Proxies) -> Route:
    """How calls to a host travel where these are the proxies of the environment."""
    proxy = proxies.proxy(scheme, *_host(scheme, authority))
    if proxy is None:
        return Route(scheme, authority, None, "", {})
    if scheme == "https":
        return Route(scheme, authority, proxy, "", {})
    return Route(scheme, authority, proxy, f"http://{authority}", _proof(proxy))


async def _connected(made: Callable[[], Http1Connection], host: str, port: int, *, tls: bool) -> Http1Connection:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    reached = await start_connection(found, happy_eyeballs_delay=_EYEBALLS_SECONDS, interleave=1)
    reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _, connection = await loop.create_connection(
        made, sock=reached, ssl=_context() if tls else None, server_hostname=host if tls else None
    )
    return connection


async def _tunnelled(
    made: Callable[[], Http1Connection], proxy: Http1Connection, host: str, port: int, proof: Mapping[str, str]
) -> Http1Connection:
    """A connection within one to a proxy, who sees nothing of it but where it leads."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    answer = await proxy.ask(encode_head("CONNECT", where, {"host": where, **proof}), None, headless=True)
    if not 200 <= answer.status_code < 300:
        proxy.abort()
        raise ConnectError(f"The proxy refused to connect (HTTP {answer.status_code}).")
    connection = made()
    try:
        transport = await asyncio.get_running_loop().start_tls(proxy.transport, connection, _context(), server_hostname=host)
    except BaseException:
        proxy.abort()
        raise
    if transport is None:
        raise ConnectError("The connection broke.")
    connection.connection_made(transport)
    return connection


def _context() -> SSLContext:
    context = client_context("http1")
    context.set_alpn_protocols(["http/1.1"])
    return context


def _host(scheme: str, authority: str) -> tuple[str, int]:
    parts = urlsplit(f"{scheme}://{authority}")
    return parts.hostname or "", parts.port or _PORTS[scheme]


def _proof(proxy: str) -> dict[str, str]:
    """Who we are to a proxy, where its address says so."""
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(words.encode()).decode()}"}
