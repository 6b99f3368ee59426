"""httpx transport: HTTP/1.1 and HTTP/2 by httpx, for providers and proxies that our own transport is too strict for.

It reads what h11 and h2 read, speaks HTTP/2 where the server does, and passes through SOCKS proxies; a call costs about thirty
times the CPU. Everything else is as over ``http1``: nothing is sent twice, no redirect is followed, no cookie kept, proxies
are chosen by the same rules, and bodies are decoded by the same decoders, which are bounded.
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
_HEADERS: Final = 1_000
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
    """Sends calls through httpx. Connecting may take ``connect`` seconds, each piece that is sent or received ``stall``.

    A connection that nobody uses stays open for ``idle``.
    """

    def __init__(self, *, connect: float, stall: float, idle: float = 5.0) -> None:
        self._connect = connect
        self._stall = stall
        self._idle = idle
        self._proxies = Proxies()
        self._pools: dict[str | None, _Pool] = {}
        self._retired: set[_Pool] = set()
        self._closed = False

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None, patience: float | None = None
    ) -> StreamedResponse:
        """The beginning of the answer, to be closed. Raises ``TransportError``, or what ``body`` raises."""
        if self._closed:
            raise ConnectError("Connections are no longer made.")
        request = _Request(method, url, headers, body)
        connect = self._connect if patience is None else min(self._connect, patience)
        timeout = httpx.Timeout(self._stall, connect=connect, pool=None)
        pool = self._pool(request)
        pool.calls += 1
        try:
            async with asyncio.timeout(patience):
                built = request.built(timeout.as_dict(), straight=pool.straight)
                answer = await pool.transport.handle_async_request(built)
                return await self._opened(pool, answer)
        except BaseException as error:
            await self._release(pool, abandoned=request.sent)
            if isinstance(error, (TimeoutError, *_FAILURES)):
                raise _failure(error, sent=request.sent) from None
            raise

    async def close(self) -> None:
        """Closes every connection; nothing can be sent any more."""
        self._closed = True
        for pool in [*self._pools.values(), *self._retired]:
            await pool.transport.aclose()

    async def _opened(self, pool: _Pool, answer: httpx.Response) -> StreamedResponse:
        names = [name.lower() for name, _ in answer.headers.raw]
        framed_twice = b"content-length" in names and b"transfer-encoding" in names
        if framed_twice or len(names) > _HEADERS:
            await _close(answer)
            raise TransportError("The head of the answer says two lengths, or too much.")
        return _Opened(self, pool, answer)

    def _pool(self, request: _Request) -> _Pool:
        proxy = self._proxies.proxy(request.scheme, request.host, request.port)
        if proxy not in self._pools:
            self._pools[proxy] = _Pool(proxy, self._idle)
        return self._pools[proxy]

    async def _release(self, pool: _Pool, *, abandoned: bool) -> None:
        """Ends a call. One over HTTP/2 that was abandoned takes its connection with it, once the others on it have ended.

        httpx sends no RST_STREAM: what the server still sends for the call would fill the window that all calls share.
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
    """Connections that go through one proxy, or straight."""

    def __init__(self, proxy: str | None, idle: float) -> None:
        self.calls = 0
        self.straight = proxy is None
        self.multiplexed = False
        """Whether calls have shared a connection, or may have."""
        context = client_context("httpx")
        try:
            self.transport = httpx.AsyncHTTPTransport(
                verify=context,
                trust_env=False,
                http2=_HTTP2,
                limits=httpx.Limits(keepalive_expiry=idle),
                proxy=None
                if proxy is None
                else httpx.Proxy(proxy, ssl_context=context if proxy.startswith("https:") else None),
            )
        except (ImportError, ValueError, httpx.InvalidURL):
            raise ConnectError("The proxy is of a kind that cannot be used.") from None


class _Request:
    """One request, which notes when it begins to be sent."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None) -> None:
        parts = urlsplit(url)
        self.sent = False
        self.scheme, self.host = parts.scheme, parts.hostname or ""
        self.port = parts.port or _PORTS[parts.scheme]
        self._method = method
        self._authority = parts.netloc
        said = {"host": parts.netloc, "accept": "*/*", "accept-encoding": ACCEPTED, "user-agent": "countersign"}
        self._said = said | {name.lower(): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            if "content-length" not in self._said:
                self._said["transfer-encoding"] = "chunked"
        elif body is not None or method not in {"GET", "HEAD"}:
            self._said["content-length"] = str(len(body or b""))
        self._target = url.removeprefix(f"{parts.scheme}://{parts.netloc}").partition("#")[0]
        self._target = self._target if self._target.startswith("/") else f"/{self._target}"
        self._body = body
        encode_head(method, self._target, self._said)  # raises where a header has lines of its own

    def built(self, timeout: dict[str, Any], *, straight: bool) -> httpx.Request:
        """As httpx takes it. It may spell the target anew, which a call without a proxy prevents; a proxy would be sent it."""
        length = int(self._said["content-length"]) if "content-length" in self._said else None
        return httpx.Request(
            self._method,
            f"{self.scheme}://{self._authority}{self._target}",
            headers=[(name.encode(), value.encode()) for name, value in self._said.items()],
            stream=httpx.ByteStream(self._body or b"") if isinstance(self._body, bytes | None) else _Upload(self._body, length),
            extensions={"timeout": timeout, "trace": self._traced} | ({"target": self._target.encode()} if straight else {}),
        )

    async def _traced(self, event: str, info: Mapping[str, Any]) -> None:
        """As httpcore calls it. What goes to a proxy to reach the host is not the request."""
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self.sent = True


class _Upload(httpx.AsyncByteStream):
    """A streamed body, closed at its end: a source that is left to the garbage collector may still hold a file open."""

    def __init__(self, body: AsyncIterator[bytes], length: int | None) -> None:
        self._body = body
        self._left = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._body:
                if self._left is not None:
                    self._left -= len(piece)
                    if self._left < 0:
                        raise TransportError("The body is not as long as its headers say.")
                if piece:
                    yield piece
            if self._left:
                raise TransportError("The body is not as long as its headers say.")
        finally:
            if isinstance(self._body, AsyncGenerator):
                await self._body.aclose()


class _Opened:
    """A response whose body is still to be read."""

    def __init__(self, transport: HttpxTransport, pool: _Pool, answer: httpx.Response) -> None:
        self.status_code = answer.status_code
        self.headers: Mapping[str, str] = ResponseHeaders(answer.headers.raw)
        pool.multiplexed = pool.multiplexed or answer.extensions.get("http_version") == b"HTTP/2"
        self._transport = transport
        self._pool = pool
        self._answer = answer
        self._pieces = answer.aiter_raw()
        self._ended = False
        self._open = True
        self._decoder: Decoder | None = decoder(
            answer.headers.get_list("content-encoding"), answer.headers.get_list("transfer-encoding")
        )

    def whole(self) -> bytes | None:
        """Nothing: httpx reads on demand."""
        return None

    async def read(self) -> bytes:
        """The next piece of its body, decompressed; nothing at the end. Raises ``TransportError``."""
        while True:
            if self._decoder is not None and (piece := self._decoder.take()):
                return piece
            if self._ended:
                if self._decoder is not None and not self._decoder.whole:
                    raise DecodingError("It ends too early to be decompressed.")
                return b""
            try:
                data = await anext(self._pieces)
            except StopAsyncIteration:
                self._ended = True
                continue
            except _FAILURES as error:
                raise _failure(error, sent=True) from None
            if self._decoder is None:
                return data
            self._decoder.put(data)

    async def aclose(self) -> None:
        """Ends the call, and what it was sent over where that cannot carry another."""
        if self._open:
            self._open = False
            if _more_came(self._answer):
                await self._answer.extensions["network_stream"].aclose()
            await _close(self._answer)
            await self._transport._release(self._pool, abandoned=not self._ended)


async def _close(answer: httpx.Response) -> None:
    with anyio.CancelScope(shield=True):
        try:
            await answer.aclose()
        except _FAILURES:
            return


def _more_came(answer: httpx.Response) -> bool:
    """Whether more than the response has come over HTTP/1.1, or may have: httpx would take it for the answer to the next call.

    Only h11 knows, and httpx does not ask it. Where the way to it is another one day, no connection is used again.
    """
    if answer.extensions.get("http_version") == b"HTTP/2":
        return False
    try:
        parser: h11.Connection = answer.stream._httpcore_stream._stream._connection._h11_state  # type: ignore[union-attr]
        return parser.trailing_data[0] != b""
    except AttributeError:
        return True


def _failure(error: BaseException, *, sent: bool) -> TransportError:
    """What a failure of httpx is in our words, which show nothing of the request."""
    if not sent:
        return ConnectError(type(error).__name__)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return TimeoutException("The answer took too long.")
    return TransportError(type(error).__name__)
