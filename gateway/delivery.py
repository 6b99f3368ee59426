"""Bytes over plain HTTP: files in by PUT, documents out by link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated, Final
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from gateway.authentication import Unauthenticated
from gateway.headers import STRICT
from gateway.signing import Signing
from gateway.uploads import safe_filename
from providers.errors import ProblemCode, SigningError, TooMany
from providers.model import Content

_STATUS: Final = {
    ProblemCode.INVALID: 400,
    ProblemCode.TOO_LARGE: 413,
    ProblemCode.NOT_FOUND: 404,
    ProblemCode.WRONG_STATE: 409,
    ProblemCode.CONFLICT: 409,
    ProblemCode.FORBIDDEN: 403,
    ProblemCode.UNSUPPORTED: 501,
    ProblemCode.PROVIDER_BUSY: 503,
    ProblemCode.PROVIDER_UNAVAILABLE: 503,
}
_INLINE: Final = STRICT | {
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


def refuse(error: SigningError) -> JSONResponse:
    """An expected failure as an answer of plain HTTP."""
    problem = {"code": error.error_code or error.code.value, "message": error.message, "retryable": error.retryable}
    headers = {} if error.retry_after is None else {"retry-after": str(int(error.retry_after) + 1)}
    status = 429 if isinstance(error, TooMany) else _STATUS.get(error.code, 502)
    return JSONResponse({"problem": problem}, status, headers)


def _signing(request: Request) -> Signing:
    signing: Signing = request.app.state.signing
    return signing


async def _admitted(request: Request) -> Signing:
    """The gateway as whoever sends this may use it. Raises ``Unauthenticated`` and ``TooMany``."""
    state = request.app.state
    whence = partial(state.authentication.address, request.scope)
    signing: Signing = state.admitted(await state.authentication.viewer(request.headers.get("authorization"), whence))
    return signing


Use = Annotated[Signing, Depends(_signing)]
router: Final = APIRouter()


@router.put("/uploads", status_code=201)
async def upload(request: Request, filename: str | None = None) -> JSONResponse:
    """Stages the body; its id is given to a mutation as ``upload``."""
    media_type = request.headers.get("content-type")
    try:
        signing = await _admitted(request)
        file = await signing.upload(request.stream(), filename=filename, media_type=media_type)
    except Unauthenticated as error:
        problem = {"code": error.code, "message": error.reason, "retryable": False}
        return JSONResponse({"problem": problem}, 401, {"www-authenticate": "Bearer"})
    except SigningError as error:
        return refuse(error)
    body = {
        "id": file.id,
        "filename": file.filename,
        "mediaType": file.media_type,
        "sizeBytes": file.size_bytes,
        "sha256": file.sha256,
        "expiresAt": file.expires_at.isoformat().replace("+00:00", "Z"),
    }
    return JSONResponse(body, 201)


@router.get("/documents/{token}")
async def download(token: str, signing: Use) -> Response:
    """Streams what a link leads to."""
    stack = AsyncExitStack()
    try:
        content = await stack.enter_async_context(signing.download(token))
    except SigningError as error:
        return refuse(error)
    return StreamingResponse(_stream(stack, content), media_type=content.media_type, headers=_headers(content))


async def _stream(stack: AsyncExitStack, content: Content) -> AsyncIterator[bytes]:
    try:
        async for chunk in content.chunks:
            yield chunk
    finally:
        with anyio.CancelScope(shield=True):
            await stack.aclose()


def _headers(content: Content) -> dict[str, str]:
    headers = dict(_INLINE)
    name = safe_filename(content.filename) or "document"
    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("?", "_")
    headers["content-disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    if content.size_bytes is not None:
        headers["content-length"] = str(content.size_bytes)
    return headers
