"""What every answer tells a browser: to take it for what it says it is, to keep it, and to load nothing for it."""

from __future__ import annotations

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
