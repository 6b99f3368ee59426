"""CORS (https://fetch.spec.whatwg.org/#http-cors-protocol), and protection from DNS rebinding by the ``Host`` header.

No response allows credentials, as nothing here takes cookies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.config import Settings
from gateway.web.problem_details import ProblemResponse
from gateway.web.security_headers import STRICT_RAW, RepeatedHeader, collect_headers
from providers.errors import ProblemCode

RawHeaders = list[tuple[bytes, bytes]]

_ALLOWED: Final = b"*, Authorization"
"""The wildcard stands for all headers but this one."""
_EXPOSED: Final = b"content-disposition, retry-after"
_VARY: Final = (b"vary", b"Origin")
_PORT: Final = re.compile(rb":\d*$")
UNKNOWN_HOST: Final = "This gateway is not known under the name that it is asked under: set server.public_url to that name."


class CorsPolicy:
    """Allow-list of origins. Others get a response without CORS headers, which the browser keeps from their page."""

    def __init__(self, settings: Settings) -> None:
        exposed = (b"access-control-expose-headers", _EXPOSED)
        origins = [origin.encode() for origin in settings.cors.origins]
        self._headers_by_origin = {origin: [(b"access-control-allow-origin", origin), exposed, _VARY] for origin in origins}
        self._others: RawHeaders = [_VARY] if origins else []
        self._keep = b"%d" % settings.cors.keep
        self._open = not settings.authentication.configured
        self._ours = (urlsplit(settings.server.public_url).hostname or "").encode()

    def accepts_host(self, host: bytes | None) -> bool:
        """Whether a ``Host`` header may be a name of this gateway.

        Without authentication, a foreign page whose name is rebound to our address would be let in: accepted are only the
        public name then, addresses, and names without a dot, which nobody outside can have.
        """
        return not self._open or host is None or _without_port(host) == self._ours or _is_local(host)

    def allows_origin(self, origin: bytes) -> bool:
        """Whether pages of this origin may call."""
        return origin in self._headers_by_origin

    def headers(self, origin: bytes | None) -> RawHeaders:
        """CORS headers of a response to this origin."""
        return self._others if origin is None else self._headers_by_origin.get(origin, self._others)

    def with_headers(self, origin: bytes | None, send: Send) -> Send:
        """A ``send`` that adds the CORS headers of a response."""
        headers = self.headers(origin)
        if not headers:
            return send

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        return send_with_headers

    def preflight_headers(self, headers: Mapping[bytes, bytes], methods: bytes) -> RawHeaders:
        """CORS headers of the response to a preflight request."""
        cors_headers = self.headers(headers.get(b"origin"))
        if cors_headers is self._others:
            return cors_headers
        return [
            *cors_headers,
            (b"access-control-allow-methods", methods),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", self._keep),
        ]


class CorsMiddleware:
    """ASGI middleware for what is not ``/graphql``: uploads and documents."""

    def __init__(self, app: ASGIApp, cors: CorsPolicy) -> None:
        self._app = app
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers preflights and foreign hosts, and adds CORS headers to all other responses."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            headers = collect_headers(scope["headers"])
        except RepeatedHeader as error:
            await ProblemResponse(400, ProblemCode.INVALID.value, str(error))(scope, receive, send)
            return
        if not self._cors.accepts_host(headers.get(b"host")):
            await ProblemResponse(421, ProblemCode.INVALID.value, UNKNOWN_HOST)(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await answer_preflight(self._cors.preflight_headers(headers, b"GET, PUT, POST"), send)
        else:
            await self._app(scope, receive, self._cors.with_headers(headers.get(b"origin"), send))


def _without_port(host: bytes) -> bytes:
    """A ``Host`` header without its port."""
    return (host.rpartition(b":")[0] if _PORT.search(host) else host).lower()


@lru_cache(256)
def _is_local(host: bytes) -> bool:
    name = _without_port(host)
    if b"." not in name:
        return True
    try:
        ip_address(name.decode("latin-1"))
    except ValueError:
        return False
    return True


async def answer_preflight(headers: RawHeaders, send: Send) -> None:
    """Sends the response to a preflight, which has no body."""
    await send({"type": "http.response.start", "status": 204, "headers": [*headers, *STRICT_RAW]})
    await send({"type": "http.response.body", "body": b""})
