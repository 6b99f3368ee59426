"""GraphQL over HTTP, as an ASGI application of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLRequestData
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult

from providers.clock import Clock
from providers.deadline import deadline
from schema.context import Context
from schema.root import schema

_PREFLIGHT = ("graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name", "graphql-preflight")


class Endpoint(GraphQL[Context, None]):
    """Serves the schema. ``context`` makes the surroundings of one operation, which ends after ``seconds``."""

    def __init__(self, context: Callable[[], Context], clock: Clock, seconds: float) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            multipart_uploads_enabled=True,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
        )
        self._context = context
        self._clock = clock
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, in JSON also where the request cannot be read."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self.run(request)
        except HTTPException as error:
            response = _refused(error.reason, error.status_code)
        except StarletteHTTPException as error:
            response = _refused(error.detail, error.status_code)
        finally:
            await request.close()
        await response(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """A context of its own for every operation."""
        return self._context()

    def decode_json(self, data: str | bytes) -> object:
        """Reads JSON."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> bytes:
        """Writes JSON; slowly where a provider's payload holds numbers that orjson has no room for."""
        try:
            return orjson.dumps(data)
        except TypeError:
            return json.dumps(data).encode()

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
        with deadline(self._clock, self._seconds):
            return await super().execute_single(request, request_adapter, sub_response, context, root_value, request_data)


def _refused(reason: str, status: int) -> JSONResponse:
    return JSONResponse({"errors": [{"message": reason, "extensions": {"code": "BAD_REQUEST"}}]}, status)
