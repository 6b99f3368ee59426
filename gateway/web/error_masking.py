"""Error masking: an unexpected exception becomes a response without detail, and a log record under its trace id."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web.problem_details import ProblemResponse

_log = logging.getLogger("countersign.masking")


class ErrorMasking:
    """ASGI middleware. An exception after the response has started goes on to the server, which closes the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application, and responds for it where it raises."""
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)  # masks for itself, and would keep this frame alive as long as the socket
            return
        has_started = False

        def send_and_note(message: Message) -> Awaitable[None]:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            return send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            return
        except Exception:
            if scope["type"] != "http" or has_started:
                raise
            await _masked_response(scope)(scope, receive, send)


def _masked_response(scope: Scope) -> JSONResponse:
    """Logs the exception that is being handled, with the first part of the path alone: the rest may be a download link."""
    trace = uuid.uuid4().hex
    route = scope["path"].split("/")[1][:20]
    _log.exception("unexpected failure %s at %s /%s", trace, scope["method"], route)
    message = f"Something went wrong here. Name the trace id {trace} to whoever runs this gateway."
    if route == "graphql":
        return JSONResponse({"errors": [{"message": message, "extensions": {"code": "INTERNAL", "traceId": trace}}]}, 500)
    return ProblemResponse(500, "INTERNAL", message, extensions={"traceId": trace})
