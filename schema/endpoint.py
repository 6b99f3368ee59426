"""GraphQL over HTTP, as an ASGI application of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import OperationType
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry import Schema
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLRequestData
from strawberry.http.websocket_origin import is_same_origin, normalize_origin
from strawberry.types import ExecutionResult

from gateway.settings import Settings
from providers.clock import Clock
from providers.deadline import deadline
from schema.context import Context
from schema.encoding import encode
from schema.live.accept import weights
from schema.live.connections import Connections
from schema.live.sse import EventStream
from schema.live.stream import Operations, Refused
from schema.live.stream import Request as Asked
from schema.live.websocket import Socket

_PREFLIGHT = ("graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name", "graphql-preflight")


class _Streamed(Exception):
    """The answer is a stream of events, which Strawberry has no part in."""

    def __init__(self, response: ASGIApp) -> None:
        super().__init__()
        self.response = response


class Endpoint(GraphQL[Context, None]):
    """Serves a schema over HTTP, server-sent events and WebSockets.

    ``context`` makes the surroundings of one operation, or of one event of a subscription.
    """

    def __init__(
        self, schema: Schema, context: Callable[[], Context], connections: Connections, settings: Settings, clock: Clock
    ) -> None:
        super().__init__(schema, graphql_ide=None, multipart_uploads_enabled=True, subscription_protocols=())
        self._context = context
        self._connections = connections
        self._clock = clock
        self._seconds = settings.limits.deadline
        self._limits = settings.live
        self._origin = normalize_origin(settings.server.public_url)
        self._operations = Operations(schema, context, clock, self._seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, in JSON also where the request cannot be read."""
        if scope["type"] == "websocket":
            socket = Socket(self._operations, self._connections, self._limits, receive, send)
            allowed = self._from_here(scope)
            scope["headers"] = []  # or thousands of idle connections would each keep theirs
            await socket.serve(scope["subprotocols"], allowed=allowed)
            return
        request = Request(scope, receive)
        response: ASGIApp
        try:
            response = await self.run(request)
        except _Streamed as streamed:
            response = streamed.response
        except HTTPException as error:
            response = _refused(error.reason, error.status_code)
        except StarletteHTTPException as error:
            response = _refused(error.detail, error.status_code)
        finally:
            await request.close()
        await response(scope, receive, send)

    def _from_here(self, scope: Scope) -> bool:
        """Whether no page of elsewhere opened this WebSocket: browsers let them, and send our cookies along."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        return origin is None or is_same_origin(origin, headers.get(b"host")) or normalize_origin(origin) == self._origin

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """A context of its own for every operation."""
        return self._context()

    def decode_json(self, data: str | bytes) -> object:
        """Reads JSON."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> bytes:
        """Writes JSON."""
        return encode(data)

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Reads a request. What Strawberry stumbles over is of another shape than it may be."""
        try:
            return await super().parse_http_body(request)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise HTTPException(400, "The request is not of the shape that GraphQL over HTTP asks for.") from error

    async def parse_multipart(self, request: AsyncHTTPRequestAdapter) -> dict[str, str]:
        """A form can be sent by any page of the web; a header of one's own cannot, without being asked first."""
        headers: Mapping[str, Any] = {name.lower(): value for name, value in request.headers.items()}
        if not any(name in headers for name in _PREFLIGHT):
            raise HTTPException(400, f"A multipart request needs the header {_PREFLIGHT[0]}: 1.")
        return await super().parse_multipart(request)

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Executes one operation within its deadline."""
        await self._stream(request, request_data)
        with deadline(self._clock, self._seconds):
            return await super().execute_single(request, request_adapter, sub_response, context, root_value, request_data)

    async def _stream(self, request: Request, data: GraphQLRequestData) -> None:
        """Raises ``_Streamed`` where the answer is to be a stream of events."""
        events, other = weights(request.headers.get("accept"))
        preferred = events > other and not request.headers.get("content-type", "").startswith("multipart/")
        query = data.query or ""
        # Only what speaks of subscriptions can be one, and few clients want a stream of anything else.
        if not preferred and "subscription" not in query:
            return
        asked = Asked(query, data.variables, data.operation_name, request.headers.get("last-event-id"))
        try:
            kind = self._operations.kind(asked)
            if kind is OperationType.SUBSCRIPTION:
                if not events:
                    raise HTTPException(406, "A subscription is answered as text/event-stream, or over a WebSocket.")
                if self._connections.closing:
                    raise HTTPException(503, "This gateway stops. Subscribe again in a moment.")
            elif not preferred or (kind is OperationType.MUTATION and request.method != "POST"):
                return
            answers = await self._operations.operate(asked)
        except Refused as refused:
            if not preferred and not events:
                return
            raise _Streamed(JSONResponse({"errors": refused.shown()}, 400)) from None
        raise _Streamed(EventStream(answers, self._connections, self._limits))


def _refused(reason: str, status: int) -> JSONResponse:
    return JSONResponse({"errors": [{"message": reason, "extensions": {"code": "BAD_REQUEST"}}]}, status)
