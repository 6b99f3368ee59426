"""Requests that ask for an upgrade which is not made: they are answered as they stand (RFC 9110, 7.8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import httptools

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class RestOfConnection:
    """Callbacks for the body of a request whose head was read before, and for the requests behind it.

    httptools ends with a head that asks for any upgrade, and takes the body for what comes after HTTP. A new parser is shown
    another head of the same length, of which nothing is told.
    """

    def __init__(self, callbacks: HttpToolsProtocol) -> None:
        self._callbacks = callbacks
        self._behind = False

    def on_message_begin(self) -> None:
        """The next request begins."""
        if self._behind:
            self._callbacks.on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of its address."""
        if self._behind:
            self._callbacks.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        if self._behind:
            self._callbacks.on_header(name, value)

    def on_headers_complete(self) -> None:
        """The end of its head."""
        if self._behind:
            self._callbacks.on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._callbacks.on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        self._behind = True
        self._callbacks.on_message_complete()


def has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request's head announces a body, be it of no bytes."""
    return any(name in FRAMING for name, _ in headers)


def parser_behind(callbacks: HttpToolsProtocol, headers: Iterable[tuple[bytes, bytes]]) -> httptools.HttpRequestParser:
    """Reads on behind the head of a request whose upgrade is not made. Raises ``HttpParserError`` as any parser does."""
    framing = [b"%s: %s\r\n" % (name, value) for name, value in headers if name in FRAMING]
    if not framing:
        return httptools.HttpRequestParser(callbacks)
    parser = httptools.HttpRequestParser(RestOfConnection(callbacks))
    parser.feed_data(b"".join((b"POST / HTTP/1.1\r\n", *framing, b"\r\n")))
    return parser
