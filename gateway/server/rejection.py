"""Rejection of requests before they reach the application: ambiguous heads, and the server's own error responses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_SINGLE_HEADERS: Final = frozenset(
    {b"host", b"origin", b"authorization", b"content-type", b"content-length", b"sec-websocket-key", b"sec-websocket-version"}
)
"""Headers that say where a request goes, whose it is, and what it is: of two, a proxy may believe another than we do."""
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{0,5})?")


class RejectedHead(Exception):
    """A request head that is refused, with the status that says so."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def is_ambiguous(headers: Sequence[tuple[bytes, bytes]], version: str) -> bool:
    """Whether a head names no valid host (RFC 9112, 3.2), or repeats a header that may occur once (request smuggling)."""
    seen: list[bytes] = []
    for name, value in headers:
        if name in _SINGLE_HEADERS:
            if name in seen or (name == b"host" and not _is_host(value)):
                return True
            seen.append(name)
    return b"host" not in seen and version != "1.0"


@lru_cache(maxsize=512)
def _is_host(value: bytes) -> bool:
    """Whether this names a host, perhaps with a port (RFC 3986, 3.2.2)."""
    return _HOST.fullmatch(value) is not None


def _response(status: str, code: str, message: str) -> bytes:
    body = f'{{"problem":{{"code":"{code}","message":"{message}","retryable":{str(code == "TOO_MANY").lower()}}}}}'
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n{body}"
    ).encode()


RESPONSES: Final = {
    400: _response("400 Bad Request", "INVALID", "This is no HTTP request."),
    408: _response("408 Request Timeout", "INVALID", "The request comes in too slowly."),
    414: _response("414 URI Too Long", "TOO_LARGE", "The address is too long. Ask by POST."),
    431: _response("431 Request Header Fields Too Large", "TOO_LARGE", "The headers are too large, or too many."),
    503: _response("503 Service Unavailable", "TOO_MANY", "Too many connections are open. Close one, or come again later."),
}
"""Error responses by status, as they are written to the socket."""
