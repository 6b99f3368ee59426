"""Upgrade requests that are not upgraded: they are answered as plain HTTP/1.1 requests (RFC 9110, 7.8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import httptools

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

FRAMING_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding"})


class HeadlessCallbacks:
    """Parser callbacks that skip the first head: for the body of a request whose head is parsed, and the requests after it.

    httptools stops at a head that asks for any upgrade, and takes the body for another protocol. A new parser is fed a
    substitute head with the same framing, which the protocol is not told of.
    """

    def __init__(self, callbacks: HttpToolsProtocol) -> None:
        self._callbacks = callbacks
        self._head_passed = False

    def on_message_begin(self) -> None:
        """Passes on the begin of a later request."""
        if self._head_passed:
            self._callbacks.on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Passes on a part of its target."""
        if self._head_passed:
            self._callbacks.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Passes on one of its headers."""
        if self._head_passed:
            self._callbacks.on_header(name, value)

    def on_headers_complete(self) -> None:
        """Passes on the end of its head."""
        if self._head_passed:
            self._callbacks.on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Passes on a part of a body."""
        self._callbacks.on_body(body)

    def on_message_complete(self) -> None:
        """Passes on the end of a request."""
        self._head_passed = True
        self._callbacks.on_message_complete()


def has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the headers frame a body, be it an empty one."""
    return any(name in FRAMING_HEADERS for name, _ in headers)


def parser_after_head(callbacks: HttpToolsProtocol, headers: Iterable[tuple[bytes, bytes]]) -> httptools.HttpRequestParser:
    """A parser that continues after the head of a request that is not upgraded. Raises ``HttpParserError``."""
    framing = [b"%s: %s\r\n" % (name, value) for name, value in headers if name in FRAMING_HEADERS]
    if not framing:
        return httptools.HttpRequestParser(callbacks)
    parser = httptools.HttpRequestParser(HeadlessCallbacks(callbacks))
    parser.feed_data(b"".join((b"POST / HTTP/1.1\r\n", *framing, b"\r\n")))
    return parser
