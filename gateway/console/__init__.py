"""Console at ``/console``: a client of the public GraphQL API like any other, served as static files.

Its sources lie beside its built files, which ``make console`` makes of them.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

BUILT: Final = Path(__file__).parent / "dist"
OPERATIONS: Final = BUILT / "operations.json"
"""Manifest of the GraphQL documents that the console sends, by SHA-256, for gateways that take trusted documents only."""
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_REVALIDATED: Final = {**_HEADERS, "cache-control": "no-cache"}
_IMMUTABLE: Final = {**_HEADERS, "cache-control": "public, max-age=31536000, immutable"}
"""For assets whose names have a hash of their content."""


class _ConsoleFiles(StaticFiles):
    """Static files with security headers; hashed assets are cached for good, the others revalidated."""

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_IMMUTABLE if path.startswith("assets/") and response.status_code < 400 else _REVALIDATED)
        return response


def mount(app: FastAPI) -> None:
    """Mounts the console and its assets at /console."""
    app.add_api_route("/console", _page, methods=["GET"])
    app.mount("/console", _ConsoleFiles(directory=BUILT, html=True))


def _page() -> Response:
    return FileResponse(BUILT / "index.html", headers=_REVALIDATED)
