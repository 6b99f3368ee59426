"""Entry points that run the gateway on a port: as a process, or embedded in the caller's event loop."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from gateway.config import ConnectionSettings, Settings
from gateway.server.admission import ConnectionLimits
from gateway.server.config import Config
from gateway.server.server import Drain, Server, serve_app

_GC_THRESHOLD = 10_000
"""Allocations between two collections. A request makes hundreds of objects, and next to none of them is in a cycle."""
_YOUNG_COLLECTIONS = 3
"""Collections of the youngest generation for one of the next: that scans all they have left, 100,000 objects after ten."""


def run_gateway(app: FastAPI, settings: Settings, listener: int | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then drains: closes every subscription, and waits for requests under way.

    ``listener`` is the file descriptor of a listening socket, to be used instead of the configured host and port.

    Raises ``ConfigurationError`` for mistakes that only show at start, such as a database that is not there.
    """
    config = Config(
        app,
        write_timeout=_write_timeout(settings),
        limits=_limits(settings.connections),
        host=settings.server.host,
        port=settings.server.port,
        log_config=None,
        access_log=False,
    )
    server = Server(config, Drain(app.state.connections.close, settings.server.drain))
    logging.getLogger("uvicorn.error").addFilter(lambda record: app.state.refusal is None)
    # Imported modules stay for good: traversing them in each collection would hold up requests for a tenth of a second.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, _YOUNG_COLLECTIONS)
    try:
        server.run(None if listener is None else [socket.socket(fileno=listener)])
    except SystemExit:
        if app.state.refusal is not None:
            raise app.state.refusal from None
        raise
    if not server.started:
        raise SystemExit(3)


@asynccontextmanager
async def serve_gateway(app: FastAPI, settings: Settings) -> AsyncIterator[str]:
    """Serves in this event loop on the configured host and port; gives the address. Raises ``OSError`` where it is taken."""
    async with serve_app(
        app,
        settings.server.host,
        settings.server.port,
        write_timeout=_write_timeout(settings),
        limits=_limits(settings.connections),
        on_shutdown=app.state.connections.close,
    ) as address:
        yield address


def _write_timeout(settings: Settings) -> float:
    """Twice ``live.patience``: a slow subscription is told to reconnect after one, and has as long again to read that."""
    return 2 * settings.live.patience


def _limits(settings: ConnectionSettings) -> ConnectionLimits:
    return ConnectionLimits(
        head_timeout=settings.head,
        keep_alive_timeout=settings.idle,
        min_body_rate=settings.pace,
        line_bytes=settings.line_bytes,
        header_bytes=settings.header_bytes,
        headers=settings.headers,
        message_bytes=settings.message_bytes,
        connections=settings.most,
        per_address=settings.per_address,
        shared_addresses=frozenset(settings.shared),
    )
