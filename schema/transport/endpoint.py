"""GraphQL endpoint: an ASGI application for GraphQL over HTTP, server-sent events and WebSockets.

https://graphql.github.io/graphql-over-http/draft/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from math import ceil
from typing import Final

from starlette.types import Receive, Scope, Send
from strawberry.http.websocket_origin import is_same_origin, normalize_origin
from strawberry.schema import Schema

from gateway.auth.authentication import Authentication
from gateway.auth.refusal import Unauthenticated
from gateway.auth.viewer import Viewer
from gateway.config import Settings
from gateway.web.cors import UNKNOWN_HOST, CorsPolicy, answer_preflight
from gateway.web.security_headers import STRICT_RAW, RepeatedHeader, collect_headers
from providers.clock import Clock
from providers.errors import TooMany
from schema.context import Context
from schema.errors import Refused, formatted_error
from schema.execution import Plan, encode
from schema.inputs.bounds import ITEMS
from schema.transport.accept import Accepted, accepted
from schema.transport.connections import Connections
from schema.transport.multipart import FormBounds
from schema.transport.operations import MUTATION, SUBSCRIPTION, Operations
from schema.transport.request import HttpError, Request, RequestReader, header_text
from schema.transport.sse import EventStream
from schema.transport.websocket import Socket

_JSON: Final = b"application/json; charset=utf-8"
_GRAPHQL: Final = b"application/graphql-response+json; charset=utf-8"
_COMMON_HEADERS: Final = ((b"cache-control", b"no-store"), *STRICT_RAW)
_ORIGIN: Final = re.compile(rb"https?://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""An origin as browsers write it (RFC 6454, 6.1): other clients alone write more, as the name of a user."""


class Endpoint:
    """Serves a schema to authenticated viewers. ``make_context`` makes the context of one operation, or of one event."""

    def __init__(
        self,
        schema: Schema,
        make_context: Callable[[Viewer], Context],
        authentication: Authentication,
        connections: Connections,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._authentication = authentication
        self._connections = connections
        self._limits = settings.live
        self._origin = normalize_origin(settings.server.public_url)
        self._cors = CorsPolicy(settings)
        uploads, body = settings.uploads, settings.limits.body
        form = max(uploads.form_bytes, uploads.max_bytes) + body
        self._reader = RequestReader(body, FormBounds(fields=body, files=ITEMS["documents"], file=uploads.max_bytes, form=form))
        self._operations = Operations(schema, make_context, settings, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one HTTP request or WebSocket; a malformed request is answered in JSON as well."""
        if scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
            return
        try:
            headers = collect_headers(scope["headers"])
        except RepeatedHeader as error:
            await _send(send, _error_body("BAD_REQUEST", str(error)), 400, _JSON)
            return
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await answer_preflight(self._cors.preflight_headers(headers, b"GET, POST"), send)
            return
        send = self._cors.with_headers(headers.get(b"origin"), send)
        kinds = accepted(headers.get(b"accept"))
        try:
            if not self._cors.accepts_host(headers.get(b"host")):
                raise HttpError(421, UNKNOWN_HOST)
            if not (kinds.events or kinds.json or kinds.graphql):
                raise HttpError(406, "The answer is application/json, application/graphql-response+json or text/event-stream.")
            authorization = header_text(headers.get(b"authorization"))
            viewer = self._authentication.cached_viewer(authorization)
            if viewer is None:
                viewer = await self._authentication.authenticate(authorization, partial(self._authentication.address, scope))
            request = await self._reader.read(
                scope, receive, headers, lambda: viewer, partial(self._operations.declines, viewer=viewer)
            )
            try:
                await self._respond(request, kinds, scope, receive, send)
            finally:
                if request.form is not None:
                    await request.form.close()
        except Unauthenticated as error:
            await _send(send, _error_body(error.code, error.reason), 401, _media_type(kinds), {"www-authenticate": "Bearer"})
        except TooMany as error:
            wait = {"retry-after": str(ceil(error.retry_after or 0))}
            await _send(send, encode({"errors": [formatted_error(error)]}), 429, _media_type(kinds), wait)
        except HttpError as error:
            await _send(send, _error_body("BAD_REQUEST", error.reason), error.status, _media_type(kinds), error.headers)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        address, allowed = self._authentication.address(scope), self._is_allowed_origin(scope)
        socket = Socket(self._operations, self._authentication, self._connections, self._limits, receive, send)
        scope["headers"] = []  # or thousands of idle connections would each keep theirs
        await socket.serve(scope["subprotocols"], address, allowed=allowed)

    async def _respond(self, request: Request, kinds: Accepted, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            plan = self._operations.cached_plan(request)
            if plan is None:
                plan = await self._operations.plan(request)
            is_mutation_by_get = plan.operation_type == MUTATION and scope["method"] == "GET"
            if plan.operation_type == SUBSCRIPTION or (kinds.prefers_events and not is_mutation_by_get):
                await self._stream(plan, request, kinds, scope, receive, send)
                return
            if is_mutation_by_get:
                raise HttpError(405, "mutations are not allowed when using GET", {"allow": "POST"})
            response = await self._operations.respond(plan, request)
        except Refused as refused:
            streamed = kinds.prefers_events and not kinds.graphql
            status = 400 if kinds.prefers_graphql or streamed else 200
            await _send(send, encode({"errors": refused.formatted()}), status, _media_type(kinds))
        else:
            await _send(send, response.body, 200, _media_type(kinds))

    async def _stream(self, plan: Plan, request: Request, kinds: Accepted, scope: Scope, receive: Receive, send: Send) -> None:
        if not kinds.events:
            raise HttpError(406, "A subscription is answered as text/event-stream, or over a WebSocket.")
        if self._connections.closing:
            raise HttpError(503, "This gateway stops. Subscribe again in a moment.")
        viewer, size = request.viewer(), request.size
        self._authentication.reserve(viewer, size)
        try:
            stream = await self._operations.stream(plan, request)
            await EventStream(stream, self._connections, self._limits)(scope, receive, send)
        except Refused as refused:
            await _send(send, encode({"errors": refused.formatted()}), 400, _media_type(kinds))
        finally:
            self._authentication.release(viewer, size)

    def _is_allowed_origin(self, scope: Scope) -> bool:
        """CSRF: whether a WebSocket was opened by an allowed page. Browsers let any page open one, with our cookies."""
        headers = dict(scope["headers"])
        origin, host = headers.get(b"origin"), headers.get(b"host", b"")
        if not self._cors.accepts_host(host):
            return False
        if origin is None or self._cors.allows_origin(origin):
            return True
        if not _ORIGIN.fullmatch(origin):
            return False
        named = origin.decode("latin-1")
        return is_same_origin(named, host.decode("latin-1")) or normalize_origin(named) == self._origin


def _error_body(code: str, reason: str) -> bytes:
    """The body of a response that is one error."""
    return encode({"errors": [{"message": reason, "extensions": {"code": code}}]})


def _media_type(kinds: Accepted) -> bytes:
    return _GRAPHQL if kinds.prefers_graphql else _JSON


async def _send(send: Send, body: bytes, status: int, kind: bytes, more: Mapping[str, str] | None = None) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *_COMMON_HEADERS]
    if more:
        headers += [(name.encode(), value.encode()) for name, value in more.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
