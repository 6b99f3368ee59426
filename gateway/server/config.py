"""Configuration of uvicorn: our protocols, limits and timeouts."""

from __future__ import annotations

from typing import Any

import uvicorn

from gateway.server.admission import Admission, ConnectionLimits
from gateway.server.http_protocol import HttpProtocol
from gateway.server.websocket_protocol import WebSocketProtocol


class Config(uvicorn.Config):
    """Serves with our protocols. ``write_timeout`` is the seconds that a client may take to read, or to send what it owes."""

    def __init__(self, app: Any, *, write_timeout: float, limits: ConnectionLimits | None = None, **options: Any) -> None:
        self.write_timeout = write_timeout
        self.limits = limits or ConnectionLimits()
        self.admission = Admission(self.limits)
        super().__init__(
            app,
            interface="asgi3",  # which uvicorn only sees where it is called as a coroutine function
            http=HttpProtocol,
            ws=WebSocketProtocol,
            ws_max_size=self.limits.message_bytes,
            # An idle connection would hold two compressors, and be pinged a second time.
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            timeout_keep_alive=self.limits.keep_alive_timeout,  # type: ignore[arg-type]  # fractions will do
            server_header=False,
            # Whom to believe about where a request comes from is a setting of the application.
            proxy_headers=False,
            **options,
        )
