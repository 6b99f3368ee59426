"""httpx transport: HTTP/1.1 and HTTP/2 by httpx, for servers and proxies that our own transport is too strict for.

It accepts what h11 and h2 accept, speaks HTTP/2 where the server does, and supports SOCKS proxies; a request costs about
thirty times the CPU. Everything else is as with ``http1``: nothing is sent twice, no redirect is followed, no cookie kept,
proxies are chosen by the same rules, and bodies are decoded by the same decoders, which are bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import h11
import httpx

from providers.http.http1.response import ResponseHeaders
from providers.http.message.content_coding import ACCEPTED, Decoder, decoder
from providers.http.message.request import encode_head
from providers.http.proxies import Proxies
from providers.http.transport import (
    ConnectError,
    DecodingError,
    RequestStream,
    StreamedResponse,
    TimeoutException,
    TransportError,
    client_context,
)

_HTTP2: Final = find_spec("h2") is not None
_PORTS: Final = {"http": 80, "https": 443}
_MAX_HEADERS: Final = 1_000
_FAILURES: Final = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    ImportError,  # a proxy of SOCKS, without the library for it
    OSError,
)


class HttpxTransport:
    """Sends requests through httpx, over one connection pool for each proxy.

    Connecting may take ``connect_timeout`` seconds, each piece that is sent or received ``write_timeout``. An idle connection
    is closed after ``keepalive_expiry``.
    """

    def __init__(self, *, connect_timeout: float, write_timeout: float, keepalive_expiry: float = 5.0) -> None:
        self._connect_timeout = connect_timeout
        self._write_timeout = write_timeout
        self._keepalive_expiry = keepalive_expiry
        self._proxies = Proxies()
        self._pools: dict[str | None, _Pool] = {}
        self._retired: set[_Pool] = set()
        self._closed = False

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None, head_timeout: float | None = None
    ) -> StreamedResponse:
        """Sends a request; returns the response once its head is here. Raises ``TransportError``, or what ``body`` raises."""
        if self._closed:
            raise ConnectError("Connections are no longer made.")
        request = _OutgoingRequest(method, url, headers, body)
        connect = self._connect_timeout if head_timeout is None else min(self._connect_timeout, head_timeout)
        timeout = httpx.Timeout(self._write_timeout, connect=connect, pool=None)
        pool = self._pool(request)
        pool.calls += 1
        try:
            async with asyncio.timeout(head_timeout):
                httpx_request = request.build(timeout.as_dict(), direct=pool.direct)
                response = await pool.transport.handle_async_request(httpx_request)
                return await self._check_head(pool, response)
        except BaseException as error:
            await self._release(pool, abandoned=request.sent)
            if isinstance(error, (TimeoutError, *_FAILURES)):
                raise _translate(error, sent=request.sent) from None
            raise

    async def close(self) -> None:
        """Closes every connection; nothing can be sent any more."""
        self._closed = True
        for pool in [*self._pools.values(), *self._retired]:
            await pool.transport.aclose()

    async def _check_head(self, pool: _Pool, response: httpx.Response) -> StreamedResponse:
        names = [name.lower() for name, _ in response.headers.raw]
        framed_twice = b"content-length" in names and b"transfer-encoding" in names
        if framed_twice or len(names) > _MAX_HEADERS:
            await _close(response)
            raise TransportError("The head of the response says two lengths, or too much.")
        return _HttpxResponse(self, pool, response)

    def _pool(self, request: _OutgoingRequest) -> _Pool:
        proxy = self._proxies.proxy(request.scheme, request.host, request.port)
        if proxy not in self._pools:
            self._pools[proxy] = _Pool(proxy, self._keepalive_expiry)
        return self._pools[proxy]

    async def _release(self, pool: _Pool, *, abandoned: bool) -> None:
        """Ends a request. One over HTTP/2 that was abandoned retires its pool, which is closed once the others have ended.

        httpx sends no RST_STREAM: what the server still sends for it would fill the window that all requests share.
        """
        pool.calls -= 1
        if abandoned and pool.multiplexed:
            self._pools = {proxy: each for proxy, each in self._pools.items() if each is not pool}
            self._retired.add(pool)
        if pool in self._retired and pool.calls == 0:
            self._retired.discard(pool)
            with anyio.CancelScope(shield=True):
                await pool.transport.aclose()


class _Pool:
    """Connection pool of one proxy, or of direct connections."""

    def __init__(self, proxy: str | None, keepalive_expiry: float) -> None:
        self.calls = 0
        self.direct = proxy is None
        self.multiplexed = False
        """Whether requests share a connection (HTTP/2)."""
        context = client_context("httpx")
        try:
            self.transport = httpx.AsyncHTTPTransport(
                verify=context,
                trust_env=False,
                http2=_HTTP2,
                limits=httpx.Limits(keepalive_expiry=keepalive_expiry),
                proxy=None
                if proxy is None
                else httpx.Proxy(proxy, ssl_context=context if proxy.startswith("https:") else None),
            )
        except (ImportError, ValueError, httpx.InvalidURL):
            raise ConnectError("The proxy is of a kind that cannot be used.") from None


class _OutgoingRequest:
    """One request, which records when it begins to be sent."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None) -> None:
        parts = urlsplit(url)
        self.sent = False
        self.scheme, self.host = parts.scheme, parts.hostname or ""
        self.port = parts.port or _PORTS[parts.scheme]
        self._method = method
        self._authority = parts.netloc
        headers_sent = {"host": parts.netloc, "accept": "*/*", "accept-encoding": ACCEPTED, "user-agent": "countersign"}
        self._headers = headers_sent | {name.lower(): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            if "content-length" not in self._headers:
                self._headers["transfer-encoding"] = "chunked"
        elif body is not None or method not in {"GET", "HEAD"}:
            self._headers["content-length"] = str(len(body or b""))
        self._target = url.removeprefix(f"{parts.scheme}://{parts.netloc}").partition("#")[0]
        self._target = self._target if self._target.startswith("/") else f"/{self._target}"
        self._body = body
        encode_head(method, self._target, self._headers)  # raises where a header holds a line break

    def build(self, timeout: dict[str, Any], *, direct: bool) -> httpx.Request:
        """The request for httpx. Its ``target`` keeps httpx from normalizing the path; a proxy needs the absolute form."""
        length = int(self._headers["content-length"]) if "content-length" in self._headers else None
        return httpx.Request(
            self._method,
            f"{self.scheme}://{self._authority}{self._target}",
            headers=[(name.encode(), value.encode()) for name, value in self._headers.items()],
            stream=httpx.ByteStream(self._body or b"")
            if isinstance(self._body, bytes | None)
            else _UploadStream(self._body, length),
            extensions={"timeout": timeout, "trace": self._trace} | ({"target": self._target.encode()} if direct else {}),
        )

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Trace callback of httpcore; a CONNECT to a proxy is not the request."""
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self.sent = True


class _UploadStream(httpx.AsyncByteStream):
    """Streamed body, closed at its end: a source that is left to the garbage collector may still hold a file open."""

    def __init__(self, body: AsyncIterator[bytes], length: int | None) -> None:
        self._body = body
        self._left = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body:
                if self._left is not None:
                    self._left -= len(chunk)
                    if self._left < 0:
                        raise TransportError("The body is not as long as its headers say.")
                if chunk:
                    yield chunk
            if self._left:
                raise TransportError("The body is not as long as its headers say.")
        finally:
            if isinstance(self._body, AsyncGenerator):
                await self._body.aclose()


class _HttpxResponse:
    """A response whose body is still to be read."""

    def __init__(self, transport: HttpxTransport, pool: _Pool, response: httpx.Response) -> None:
        self.status_code = response.status_code
        self.headers: Mapping[str, str] = ResponseHeaders(response.headers.raw)
        pool.multiplexed = pool.multiplexed or response.extensions.get("http_version") == b"HTTP/2"
        self._transport = transport
        self._pool = pool
        self._response = response
        self._chunks = response.aiter_raw()
        self._is_complete = False
        self._open = True
        self._decoder: Decoder | None = decoder(
            response.headers.get_list("content-encoding"), response.headers.get_list("transfer-encoding")
        )

    def buffered(self) -> bytes | None:
        """None: httpx reads on demand."""
        return None

    async def read_chunk(self) -> bytes:
        """The next chunk of the body, decompressed; empty at the end. Raises ``TransportError``."""
        while True:
            if self._decoder is not None and (chunk := self._decoder.take()):
                return chunk
            if self._is_complete:
                if self._decoder is not None and not self._decoder.is_complete:
                    raise DecodingError("It ends too early to be decompressed.")
                return b""
            try:
                data = await anext(self._chunks)
            except StopAsyncIteration:
                self._is_complete = True
                continue
            except _FAILURES as error:
                raise _translate(error, sent=True) from None
            if self._decoder is None:
                return data
            self._decoder.put(data)

    async def aclose(self) -> None:
        """Ends the request, and closes its connection where that cannot be used again."""
        if self._open:
            self._open = False
            if _has_trailing_data(self._response):
                await self._response.extensions["network_stream"].aclose()
            await _close(self._response)
            await self._transport._release(self._pool, abandoned=not self._is_complete)


async def _close(response: httpx.Response) -> None:
    with anyio.CancelScope(shield=True):
        try:
            await response.aclose()
        except _FAILURES:
            return


def _has_trailing_data(response: httpx.Response) -> bool:
    """Whether data may follow the response over HTTP/1.1: httpx would take it for the response to the next request.

    Only h11 knows, and httpx does not ask it. Should its attributes be renamed, no connection is used again.
    """
    if response.extensions.get("http_version") == b"HTTP/2":
        return False
    try:
        parser: h11.Connection = response.stream._httpcore_stream._stream._connection._h11_state  # type: ignore[union-attr]
        return parser.trailing_data[0] != b""
    except AttributeError:
        return True


def _translate(error: BaseException, *, sent: bool) -> TransportError:
    """Translates an exception of httpx into a transport error, which shows nothing of the request."""
    if not sent:
        return ConnectError(type(error).__name__)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return TimeoutException("The response took too long.")
    return TransportError(type(error).__name__)
