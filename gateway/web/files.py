"""Uploads by PUT, and downloads by signed link, over plain HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated, Final
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.auth.refusal import Unauthenticated
from gateway.signing import Signing
from gateway.web.problem_details import ProblemResponse, refusal
from gateway.web.security_headers import STRICT
from gateway.web.uploads import safe_filename
from providers.errors import Invalid, SigningError
from providers.model import Content

_INLINE: Final = STRICT | {
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
_UNQUOTED: Final = str.maketrans('"?%\\', "____")
"""Characters of a plain file name that clients misread (RFC 6266, appendix D)."""


def _signing(request: Request) -> Signing:
    signing: Signing = request.app.state.signing
    return signing


async def _authenticated(request: Request) -> Signing:
    """The use cases of the viewer who sends this. Raises ``Unauthenticated`` and ``TooMany``."""
    state = request.app.state
    address = partial(state.authentication.address, request.scope)
    signing: Signing = state.signing_for(await state.authentication.authenticate(request.headers.get("authorization"), address))
    return signing


Use = Annotated[Signing, Depends(_signing)]
router: Final = APIRouter()


@router.put("/uploads", status_code=201)
async def upload(request: Request, filename: str | None = None) -> JSONResponse:
    """Stages the body; a mutation takes its id as ``upload``."""
    media_type = request.headers.get("content-type")
    try:
        if len(request.query_params.getlist("filename")) > 1:
            raise Invalid("The file has two names. Give it one.", path=("filename",))
        signing = await _authenticated(request)
        file = await signing.documents.upload(request.stream(), filename=filename, media_type=media_type)
    except Unauthenticated as error:
        return ProblemResponse(401, error.code, error.reason, headers={"www-authenticate": "Bearer"})
    except SigningError as error:
        return refusal(error)
    body = {
        "id": file.id,
        "filename": file.filename,
        "mediaType": file.media_type,
        "sizeBytes": file.size_bytes,
        "sha256": file.sha256,
        "expiresAt": file.expires_at.isoformat().replace("+00:00", "Z"),
    }
    return JSONResponse(body, 201)


@router.api_route("/documents/{token}", methods=["GET", "HEAD"])
async def download(request: Request, token: str, signing: Use) -> Response:
    """Streams the target of a link; the response to HEAD has its headers alone."""
    stack = AsyncExitStack()
    try:
        content = await stack.enter_async_context(signing.documents.download(token))
        if request.method == "HEAD":
            await stack.aclose()
            return _StreamedDownload(stack, content, b"")
        # Until the first bytes are here, a failure can still become a response of its own.
        first = await anext(aiter(content.chunks), b"")
    except SigningError as error:
        await _close(stack)
        return refusal(error)
    except BaseException:
        await _close(stack)
        raise
    return _StreamedDownload(stack, content, first)


class _StreamedDownload(StreamingResponse):
    """A download. However it ends, and also where it is never sent, the provider's response is closed."""

    def __init__(self, stack: AsyncExitStack, content: Content, first: bytes) -> None:
        super().__init__(_chunks(first, content.chunks), headers=_download_headers(content))
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the response. Raises where the provider fails meanwhile, so that the server closes the connection."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await _close(self._stack)


async def _chunks(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
        async for chunk in rest:
            yield chunk


async def _close(stack: AsyncExitStack) -> None:
    with anyio.CancelScope(shield=True):
        await stack.aclose()


def _download_headers(content: Content) -> dict[str, str]:
    headers = _INLINE | {"content-type": content.media_type}
    name = safe_filename(content.filename) or "document"
    plain = name.encode("ascii", "replace").decode().translate(_UNQUOTED)
    headers["content-disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    if content.size_bytes is not None:
        headers["content-length"] = str(content.size_bytes)
    return headers
