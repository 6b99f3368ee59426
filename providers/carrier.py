"""How a call travels: what carries it, what comes back, and how that fails.

aiohttp carries calls over sockets. Its errors name addresses, whose queries may be secret: none of them gets out.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from functools import cache, lru_cache
from typing import Protocol
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import ContentEncodingError
from aiohttp.payload import Payload
from yarl import URL

Body = bytes | AsyncIterator[bytes]

_IDLE_SECONDS = 5.0
_CONNECTIONS_TRIED = 4
_READ_BYTES, _HEADER_BYTES, _HEADERS = 65_536, 65_536, 1_000
_BODILESS = frozenset({"GET", "HEAD"})
_NO_TYPE = frozenset({"content-type"})
_BROKEN = (aiohttp.ClientError, OSError)


class Lost(Exception):
    """No answer came, or only a part of one: the connection broke."""


class Unreached(Lost):
    """There is no connection: nothing was sent."""


class Late(Lost):
    """Nothing went on for too long."""


class Garbled(Lost):
    """What came cannot be decompressed."""


class _HungUp(Exception):
    """A connection that was kept was closed by the peer before anything was sent."""


class Answer(Protocol):
    """An answer whose body is still to be read. Header names match in any case."""

    @property
    def status(self) -> int:
        """Its HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""

    def whole(self) -> bytes | None:
        """All of its body, where that is here already: a few kilobytes. Raises ``Lost``."""

    async def read(self) -> bytes:
        """The next piece of its body, decompressed; nothing at the end. Raises ``Lost``."""

    def close(self) -> None:
        """Ends the connection, unless the body has been read to its end."""


class Carrier(Protocol):
    """Carries calls. What it carries is sent at most once, and no redirect is followed."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Answer:
        """The beginning of the answer, to be closed. Raises ``Lost``."""

    async def close(self) -> None:
        """Closes every connection."""


class SocketCarrier:
    """Carries calls over sockets, which stay open for the next call.

    Connecting may take ``connect`` seconds. Each piece of a streamed body may take ``stall`` to be sent, and so may
    the answer to it; how long any other call takes is for its caller to bound.
    """

    def __init__(self, *, connect: float, stall: float, connections: int) -> None:
        self._connections = connections
        self._stall = stall
        self._patience = aiohttp.ClientTimeout(total=None, connect=connect)
        self._patience_with_stream = aiohttp.ClientTimeout(total=None, connect=connect, sock_read=stall)
        self._proxies = getproxies()
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Answer:
        """The beginning of the answer, to be closed. Raises ``Lost``, or what ``body`` raises."""
        if self._closed:
            raise Unreached("Connections are no longer made.")
        address = URL(url, encoded=True)
        for _ in range(_CONNECTIONS_TRIED):
            sent = None if body is None and method in _BODILESS else _Sent(body or b"", headers, self._stall)
            try:
                return _Response(await self._request(method, address, headers, sent))
            except (Lost, *_BROKEN) as error:
                if sent is None or sent.error is None:
                    raise _lost(error) from None
                if not isinstance(sent.error, _HungUp):
                    raise sent.error from None
        raise Unreached("Every connection was closed before anything was sent.")

    async def close(self) -> None:
        """Closes every connection; nothing can be sent any more."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _request(
        self, method: str, address: URL, headers: Mapping[str, str], sent: _Sent | None
    ) -> aiohttp.ClientResponse:
        return await (self._session or self._open()).request(
            method,
            address,
            headers=headers,
            data=sent,
            allow_redirects=False,
            # Where there is no content, aiohttp would name its type all the same.
            skip_auto_headers=_NO_TYPE if sent else None,
            proxy=self._proxy(address) if self._proxies else None,
            timeout=self._patience_with_stream if sent and sent.streamed else self._patience,
        )

    def _open(self) -> aiohttp.ClientSession:
        """The pool, which belongs to the event loop of whoever calls first."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=_IDLE_SECONDS, ssl=_tls()),
            # Cookies would carry what one caller did into the calls of another.
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_READ_BYTES,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            max_headers=_HEADERS,
            middlewares=[_once],
        )
        return self._session

    def _proxy(self, address: URL) -> str | None:
        """The proxy that the environment wants to be used."""
        proxy = self._proxies.get(address.scheme) or self._proxies.get("all")
        if not proxy or proxy_bypass(address.host or ""):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"


class _Response:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers = _Headers(response)
        self._response = response

    def whole(self) -> bytes | None:
        content = self._response.content
        try:
            return content.read_nowait() if content.is_eof() else None
        except _BROKEN as error:
            raise _lost(error) from None

    async def read(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (RuntimeError, *_BROKEN) as error:  # a RuntimeError where the connection was closed from our side
            raise _lost(error) from None

    def close(self) -> None:
        self._response.close()


class _Headers(Mapping[str, str]):
    """A header that came more than once has all its values, with commas between them."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._headers = response.headers

    def __getitem__(self, name: str) -> str:
        return ", ".join(map(_text, self._headers.getall(name)))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name in self._headers))

    def __len__(self) -> int:
        return len(dict.fromkeys(self))


class _Sent(Payload):
    """A body on its way. ``error`` is why it could not be sent whole."""

    def __init__(self, body: Body, headers: Mapping[str, str], stall: float) -> None:
        super().__init__(body)
        self.error: Exception | None = None
        self.streamed = not isinstance(body, bytes)
        self._body = body
        self._stall = stall
        length = next((value for name, value in headers.items() if name.lower() == "content-length"), None)
        self._size = len(body) if isinstance(body, bytes) else int(length) if length else None
        self._left = self._size

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("A body that is on its way is read by the provider alone.")

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        # Up to the first piece of the body the headers are held back too.
        transport = writer.transport
        try:
            if transport is not None and _hung_up(transport):
                raise _HungUp
            if isinstance(self._body, bytes):
                await writer.write(self._body)
            else:
                await self._stream(writer, self._body)
        except BaseException as error:
            if isinstance(error, Exception):
                self.error = _lost(error) if isinstance(error, aiohttp.ClientError) else error
            if transport is not None:
                # Closing would first wait until the peer has taken what was written.
                transport.abort()
            raise

    async def _stream(self, writer: AbstractStreamWriter, pieces: AsyncIterator[bytes]) -> None:
        try:
            await self._pump(writer, pieces)
        finally:
            # A source that is left to the garbage collector may still hold a file open.
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def _pump(self, writer: AbstractStreamWriter, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            if self._left is not None:
                self._left -= len(piece)
            if self._left is not None and self._left < 0:
                break
            try:
                async with asyncio.timeout(self._stall):
                    await writer.write(piece)
            except TimeoutError as error:
                raise Late("The body was not taken in time.") from error
        if self._left:
            raise Lost("The body is not as long as its headers say.")


def _hung_up(transport: asyncio.WriteTransport) -> bool:
    """Whether the peer has closed the connection, which the event loop may not have come to yet."""
    held = transport.get_extra_info("socket")
    if held is None or held.fileno() < 0:
        return transport.is_closing()
    poll = select.poll()
    poll.register(held.fileno(), getattr(select, "POLLRDHUP", select.POLLHUP))
    return bool(poll.poll(0))


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from sending a second time what HTTP calls idempotent."""
    try:
        return await handler(request)
    except _BROKEN as error:
        raise _lost(error) from None


def _lost(error: Exception) -> Lost:
    """Our error for one of aiohttp's."""
    if isinstance(error, Lost):
        return error
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unreached(str(error))
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreached("Connecting took too long.")
    if isinstance(error, TimeoutError):
        return Late("The answer took too long.")
    if isinstance(error.__cause__, ContentEncodingError):
        return Garbled(str(error.__cause__))
    return Lost(type(error).__name__)


def _text(value: str) -> str:
    """A header of bytes that are no UTF-8 is taken for Latin-1."""
    if value.isascii() or not any("\udc80" <= char <= "\udcff" for char in value):
        return value
    return value.encode("utf-8", "surrogateescape").decode("latin-1")


@lru_cache
def spelled(base_url: str) -> str:
    """An address as it goes over the wire: a host in any script becomes ASCII."""
    return str(URL(base_url)).rstrip("/")


@cache
def _tls() -> ssl.SSLContext:
    """Whom to trust; reading that takes 50 ms, so it is read once for all providers."""
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
