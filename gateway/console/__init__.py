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
"""The documents that the page sends, by their digests."""
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_CHANGING: Final = {**_HEADERS, "cache-control": "no-cache"}
_LASTING: Final = {**_HEADERS, "cache-control": "public, max-age=31536000, immutable"}
"""For files whose names change with what they hold."""


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_LASTING if path.startswith("assets/") and response.status_code < 400 else _CHANGING)
        return response


def mount(app: FastAPI) -> None:
    """Serves the page and its files."""
    app.add_api_route("/console", _page, methods=["GET"])
    app.mount("/console", _Files(directory=BUILT, html=True))


def _page() -> Response:
    return FileResponse(BUILT / "index.html", headers=_CHANGING)
