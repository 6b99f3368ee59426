"""Runs the gateway on a port: as a process, or within the event loop of whoever asks for it."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from gateway.config import ConnectionSettings, Settings
from gateway.server import uvicorn_server
from gateway.server.admission import Bounds
from gateway.server.http_protocol import Config

_ALLOCATIONS = 10_000
"""So many objects more are looked through for cycles at once. Requests make hundreds, and next to none of them are in one."""


def run(app: FastAPI, settings: Settings, listener: int | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then drains: says farewell to every subscription, and stops once requests have ended.

    ``listener`` is the file number of a socket that listens already, where the settings do not say where.

    Raises ``ConfigurationError`` for what only shows when it starts, as a database that is not there.
    """
    config = Config(
        app,
        limit=_limit(settings),
        bounds=_bounds(settings.connections),
        host=settings.server.host,
        port=settings.server.port,
        log_config=None,
        access_log=False,
    )
    running = uvicorn_server.Server(config, farewell=app.state.connections.close, grace=settings.server.drain)
    logging.getLogger("uvicorn.error").addFilter(lambda record: app.state.refusal is None)
    # What was imported stays for good: looking through it again and again would hold up requests for a tenth of a second.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)
    try:
        running.run(None if listener is None else [socket.socket(fileno=listener)])
    except SystemExit:
        if app.state.refusal is not None:
            raise app.state.refusal from None
        raise
    if not running.started:
        raise SystemExit(3)


@asynccontextmanager
async def serving(app: FastAPI, settings: Settings) -> AsyncIterator[str]:
    """Serves in this event loop, where the settings say; gives the address. Raises ``OSError`` where the port is taken."""
    where = settings.server
    farewell = app.state.connections.close
    async with uvicorn_server.serving(
        app, where.host, where.port, limit=_limit(settings), bounds=_bounds(settings.connections), farewell=farewell
    ) as address:
        yield address


def _limit(settings: Settings) -> float:
    """A subscription is told to come again after ``patience``; the connection has as long again to take that in."""
    return 2 * settings.live.patience


def _bounds(settings: ConnectionSettings) -> Bounds:
    return Bounds(
        head=settings.head,
        idle=settings.idle,
        pace=settings.pace,
        line_bytes=settings.line_bytes,
        header_bytes=settings.header_bytes,
        headers=settings.headers,
        message_bytes=settings.message_bytes,
        connections=settings.most,
        per_address=settings.per_address,
        shared=frozenset(settings.shared),
    )
