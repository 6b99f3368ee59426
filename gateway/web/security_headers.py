"""What every answer tells a browser: to take it for what it says it is, to keep it, and to load nothing for it."""

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
"""For answers that are data: none of them is a page."""
STRICT_RAW: Final = [(name.encode(), value.encode()) for name, value in STRICT.items()]
_PAGE: Final = STRICT | {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
        "connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
}
"""For pages of our own, which load what they need from here alone."""
_PAGES: Final = ("/graphiql", "/console")

_ONCE: Final = frozenset({b"authorization", b"content-length", b"content-type", b"host", b"last-event-id", b"origin"})


class RepeatedHeader(ValueError):
    """A header that has one value was sent with several: which of them is meant is nobody's to choose."""


def collected(raw: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by their names; what is sent several times is one list (RFC 9110, 5.3).

    Raises ``RepeatedHeader`` where one of those is sent again that decide who asks, and how the request is read.
    """
    found = dict(raw)
    if len(found) == len(raw):
        return found
    found = {}
    for name, value in raw:
        if name in found:
            if name in _ONCE:
                raise RepeatedHeader(f"The header {name.decode('latin-1')} is there twice.")
            value = b"%s, %s" % (found[name], value)
        found[name] = value
    return found


class Headers:
    """ASGI middleware: adds what an answer does not say by itself. ``/graphql`` says all of it by itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what is asked, and adds to what is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = _PAGE if scope["path"].startswith(_PAGES) else STRICT

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    told.setdefault(name, value)
                told.setdefault("cache-control", "no-cache" if wanted is _PAGE else "no-store")
            await send(message)

        await self._app(scope, receive, telling)
