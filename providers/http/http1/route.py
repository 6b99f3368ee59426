"""Route to a host: direct, or through the proxy that the environment names."""

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
"""The time that one address of a host is tried alone before the next is tried beside it (RFC 8305)."""


@dataclass(frozen=True, slots=True)
class Route:
    """Route to a host. ``target_prefix`` is put before the path of a request, ``headers`` are added to its head."""

    scheme: str
    authority: str
    proxy: str | None
    target_prefix: str
    headers: Mapping[str, str]

    async def connect(self, create: Callable[[], Http1Connection]) -> Http1Connection:
        """Opens a connection. Raises ``OSError``, ``ValueError`` or ``TransportError``."""
        host, port = _host(self.scheme, self.authority)
        if self.proxy is None:
            return await _connect(create, host, port, tls=self.scheme == "https")
        proxy = urlsplit(self.proxy)
        if proxy.scheme not in _PORTS:
            raise ConnectError("A proxy of this kind needs the transport httpx.")
        connection = await _connect(create, *_host(proxy.scheme, proxy.netloc.rpartition("@")[2]), tls=proxy.scheme == "https")
        if self.scheme == "http":
            return connection
        return await _connect_tunnel(create, connection, host, port, _proxy_authorization(self.proxy))


def find_route(scheme: str, authority: str, proxies: Proxies) -> Route:
    """The route to a host, with these proxies."""
    proxy = proxies.proxy(scheme, *_host(scheme, authority))
    if proxy is None:
        return Route(scheme, authority, None, "", {})
    if scheme == "https":
        return Route(scheme, authority, proxy, "", {})
    return Route(scheme, authority, proxy, f"http://{authority}", _proxy_authorization(proxy))


async def _connect(create: Callable[[], Http1Connection], host: str, port: int, *, tls: bool) -> Http1Connection:
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    connected = await start_connection(addresses, happy_eyeballs_delay=_EYEBALLS_SECONDS, interleave=1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _, connection = await loop.create_connection(
        create, sock=connected, ssl=_tls_context() if tls else None, server_hostname=host if tls else None
    )
    return connection


async def _connect_tunnel(
    create: Callable[[], Http1Connection], proxy: Http1Connection, host: str, port: int, authorization: Mapping[str, str]
) -> Http1Connection:
    """A TLS connection through a CONNECT tunnel, of which the proxy sees the host alone."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    response = await proxy.send(encode_head("CONNECT", authority, {"host": authority, **authorization}), None, bodiless=True)
    if not 200 <= response.status_code < 300:
        proxy.abort()
        raise ConnectError(f"The proxy refused to connect (HTTP {response.status_code}).")
    connection = create()
    try:
        transport = await asyncio.get_running_loop().start_tls(
            proxy.transport, connection, _tls_context(), server_hostname=host
        )
    except BaseException:
        proxy.abort()
        raise
    if transport is None:
        raise ConnectError("The connection broke.")
    connection.connection_made(transport)
    return connection


def _tls_context() -> SSLContext:
    context = client_context("http1")
    context.set_alpn_protocols(["http/1.1"])
    return context


def _host(scheme: str, authority: str) -> tuple[str, int]:
    parts = urlsplit(f"{scheme}://{authority}")
    return parts.hostname or "", parts.port or _PORTS[scheme]


def _proxy_authorization(proxy: str) -> dict[str, str]:
    """The header that authenticates at a proxy, where its URL has credentials."""
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
