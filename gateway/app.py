"""The composition root: builds everything, in order, and takes it down in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from gateway import console
from gateway.auth.authentication import Authentication
from gateway.auth.viewer import NOBODY, Viewer
from gateway.cache.shared_cache import SharedCache
from gateway.config import EventSettings, Settings
from gateway.directory import Directory
from gateway.signing import Services, Signing
from gateway.store import Store
from gateway.store.tokens import token_cipher
from gateway.task import cancel_and_wait
from gateway.telemetry.log_once import OutageLog
from gateway.web import files
from gateway.web.cors import CorsMiddleware, CorsPolicy
from gateway.web.error_masking import ErrorMasking
from gateway.web.problem_details import unrouted, unvalidated
from gateway.web.security_headers import SecurityHeaders
from gateway.web.uploads import Uploads
from gateway.webhooks import api
from providers.clock import Clock
from providers.errors import ConfigurationError
from schema.context import Context
from schema.root import schema
from schema.transport.connections import Connections
from schema.transport.endpoint import Endpoint

_SWEEP_SECONDS = 60.0
_VIEWERS = 1_024
"""Viewers whose use cases stay composed (LRU)."""
_log = logging.getLogger("countersign.app")
_GRAPHIQL = Path(__file__).parent / "graphiql"


class _Gateway(FastAPI):
    """Routes GraphQL to its endpoint before any middleware, which would cost more than many a response."""

    endpoint: ErrorMasking

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        graphql = scope["type"] != "lifespan" and scope["path"] == "/graphql"
        return self.endpoint(scope, receive, send) if graphql else super().__call__(scope, receive, send)


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """The gateway as an ASGI application. Its resources are opened when it starts and closed when it stops."""
    time = clock or Clock()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                services = await _open(settings, shared_cache, time, stack)
                app.state.services, app.state.signing = services, services.signing
                signing_for.cache_clear()
                stack.push_async_callback(authentication.close)
            except ConfigurationError as error:
                app.state.refusal = error
                raise
            connections.open()
            stack.push_async_callback(connections.close)
            yield

    connections = Connections(settings.live.heartbeat)
    shared_cache = SharedCache(settings.redis.url, settings.server.secret, time)
    authentication = Authentication(settings, shared_cache, time)

    @lru_cache(maxsize=_VIEWERS)
    def signing_for(viewer: Viewer) -> Signing:
        services: Services = app.state.services
        return services.signing if viewer is NOBODY else services.for_viewer(viewer, authentication.quota)

    def context(viewer: Viewer) -> Context:
        return Context(signing_for(viewer), viewer, time, settings.limits.first)

    app = _Gateway(title="Countersign", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(ErrorMasking)
    app.add_middleware(CorsMiddleware, cors=CorsPolicy(settings))
    app.add_middleware(SecurityHeaders)
    app.state.connections = connections
    app.state.refusal = None
    app.state.authentication = authentication
    app.state.signing_for = signing_for
    app.endpoint = ErrorMasking(Endpoint(schema, context, authentication, connections, settings, time))
    _add_routes(app, settings)
    return app


def _add_routes(app: FastAPI, settings: Settings) -> None:
    app.add_exception_handler(HTTPException, unrouted)
    app.add_exception_handler(RequestValidationError, unvalidated)
    app.include_router(files.router)
    app.include_router(api.router)
    app.add_api_route("/healthz", _healthz, methods=["GET", "HEAD"])
    if settings.server.profile == "open":
        app.add_api_route("/graphiql", _graphiql, methods=["GET", "HEAD"])
        app.mount("/graphiql", StaticFiles(directory=_GRAPHIQL))
    console.mount(app)


async def _open(settings: Settings, shared_cache: SharedCache, clock: Clock, stack: AsyncExitStack) -> Services:
    stack.push_async_callback(shared_cache.close)
    store = await Store.open(settings.database.url, token_cipher(settings.server.secret))
    stack.push_async_callback(store.close)
    directory = Directory.open(settings.providers, clock)
    stack.push_async_callback(directory.close)
    uploads = Uploads(settings.uploads, store.uploads, clock)
    services = Services(settings, directory, store, uploads, shared_cache, clock)
    stack.push_async_callback(services.close)
    await services.open()
    sweeper = asyncio.create_task(_sweep(uploads, store, settings.events, clock), name="sweeper")
    stack.push_async_callback(cancel_and_wait, sweeper)
    return services


async def _sweep(uploads: Uploads, store: Store, events: EventSettings, clock: Clock) -> None:
    """Deletes expired staged files, and trims the event log to its retention."""
    outage = OutageLog(_log, "what is past its time could not be removed")
    while True:
        with outage.log_and_continue():
            await uploads.sweep()
            await store.events.trim(clock.now() - timedelta(seconds=events.keep), events.keep_count)
        await clock.sleep(_SWEEP_SECONDS)


def _healthz() -> JSONResponse:
    return JSONResponse({"status": "ok"})


def _graphiql() -> Response:
    return FileResponse(_GRAPHIQL / "index.html")
