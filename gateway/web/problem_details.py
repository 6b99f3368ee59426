"""Problem details (RFC 9457): every failure over plain HTTP as ``application/problem+json``, with a machine-readable code.

``title``, ``status`` and ``detail`` are the standard's; ``code`` and ``retryable`` are those of GraphQL's problems. The member
``problem`` repeats them in the shape of a problem of GraphQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from providers.errors import ProblemCode, SigningError, TimedOut, TooMany

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
_BAD_GATEWAY: Final = 502
_CODES: Final = {404: ProblemCode.NOT_FOUND, 413: ProblemCode.TOO_LARGE}
_METHOD_NOT_ALLOWED: Final = 405


class ProblemResponse(JSONResponse):
    """A failure as problem details. ``extensions`` are additional members."""

    media_type = "application/problem+json"

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, str] | None = None,
    ) -> None:
        problem = {"code": code, "message": message, "retryable": retryable, **(extensions or {})}
        body = {"title": HTTPStatus(status).phrase, "status": status, "detail": message, "code": code, "retryable": retryable}
        super().__init__(body | dict(extensions or {}) | {"problem": problem}, status, dict(headers or {}))


def refusal(error: SigningError) -> ProblemResponse:
    """An expected failure as problem details."""
    headers = {} if error.retry_after is None else {"retry-after": str(int(error.retry_after) + 1)}
    code = error.error_code or error.code.value
    return ProblemResponse(_status(error), code, error.message, retryable=error.retryable, headers=headers)


def _status(error: SigningError) -> int:
    if isinstance(error, TooMany):
        return HTTPStatus.TOO_MANY_REQUESTS
    if isinstance(error, TimedOut):
        return HTTPStatus.GATEWAY_TIMEOUT
    return _STATUS.get(error.code, _BAD_GATEWAY)


def unrouted(request: Request, error: Exception) -> Response:
    """The response where no route takes a request: 404, or 405 with the allowed methods."""
    assert isinstance(error, HTTPException)  # noqa: S101 (the class that it is registered for)
    headers = dict(error.headers or {})
    if error.status_code == _METHOD_NOT_ALLOWED:
        methods = {*map(str.strip, headers.get("Allow", "").split(",")), "OPTIONS"} - {""}
        headers["Allow"] = ", ".join(sorted(methods))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
        message = f"This address takes {headers['Allow']}."
    else:
        message = "There is nothing at this address." if error.status_code == HTTPStatus.NOT_FOUND else error.detail
    code = _CODES.get(error.status_code, ProblemCode.INVALID)
    return ProblemResponse(error.status_code, code.value, message, headers=headers)


def unvalidated(request: Request, error: Exception) -> Response:
    """The response to parameters that cannot be read: names them, and repeats no value."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 (the class that it is registered for)
    names = ", ".join(sorted({str(each["loc"][-1])[:100] for each in error.errors()}))
    return ProblemResponse(400, ProblemCode.INVALID.value, f"These parameters cannot be read: {names}.")
