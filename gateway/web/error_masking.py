"""The last net: what nobody expected becomes an answer without any detail, and one line in the log to trace it by."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web.problem_details import ProblemResponse

_log = logging.getLogger("countersign.masking")


class Masking:
    """ASGI middleware. A failure in the midst of an answer goes on to the server, which breaks the connection off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, whatever happens."""
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)  # which answers for itself, and would hold our frame for as long as it lasts
            return
        begun = False

        def watched(message: Message) -> Awaitable[None]:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            return send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            await _masked(scope)(scope, receive, send)


def _masked(scope: Scope) -> JSONResponse:
    """Logs the failure that is being handled. Of the path only its beginning: the rest may be a link."""
    trace = uuid.uuid4().hex
    door = scope["path"].split("/")[1][:20]
    _log.exception("unexpected failure %s at %s /%s", trace, scope["method"], door)
    message = f"Something went wrong here. Name the trace id {trace} to whoever runs this gateway."
    if door == "graphql":
        return JSONResponse({"errors": [{"message": message, "extensions": {"code": "INTERNAL", "traceId": trace}}]}, 500)
    return ProblemResponse(500, "INTERNAL", message, extensions={"traceId": trace})
