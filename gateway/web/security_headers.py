"""Security headers: nosniff, content security policy, referrer and cache policy on every response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STRICT: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
}
"""For responses that are data: none of them is a page."""
STRICT_RAW: Final = [(name.encode(), value.encode()) for name, value in STRICT.items()]
_PAGE: Final = STRICT | {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
        "connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
}
"""For our own pages, which load resources from this origin alone."""
_PAGES: Final = ("/graphiql", "/console")

_ONCE: Final = frozenset({b"authorization", b"content-length", b"content-type", b"host", b"last-event-id", b"origin"})


class RepeatedHeader(ValueError):
    """A header of a single value was sent twice: to choose one of them would open a way for request smuggling."""


def collect_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; those that are sent several times are joined into one list (RFC 9110, 5.3).

    Raises ``RepeatedHeader`` for one that decides who is authenticated, or how the request is parsed.
    """
    headers = dict(raw)
    if len(headers) == len(raw):
        return headers
    headers = {}
    for name, value in raw:
        if name in headers:
            if name in _ONCE:
                raise RepeatedHeader(f"The header {name.decode('latin-1')} is there twice.")
            value = b"%s, %s" % (headers[name], value)
        headers[name] = value
    return headers


class SecurityHeaders:
    """ASGI middleware: adds the headers that a response does not have. ``/graphql`` sets all of them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and adds headers to the response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        defaults = _PAGE if scope["path"].startswith(_PAGES) else STRICT

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in defaults.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-cache" if defaults is _PAGE else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)
