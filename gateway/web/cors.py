"""Which pages of elsewhere may use the gateway from a browser, and under which names it is reached at all.

https://fetch.spec.whatwg.org/#http-cors-protocol. Nothing here takes cookies, so no answer allows credentials.
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
from gateway.web.security_headers import STRICT_RAW, RepeatedHeader, collected
from providers.errors import ProblemCode

RawHeaders = list[tuple[bytes, bytes]]

_ALLOWED: Final = b"*, Authorization"
"""The asterisk is for all but this one."""
_EXPOSED: Final = b"content-disposition, retry-after"
_VARY: Final = (b"vary", b"Origin")
_PORT: Final = re.compile(rb":\d*$")
UNKNOWN_HOST: Final = "This gateway is not known under the name that it is asked under: set server.public_url to that name."


class Cors:
    """The allow-list. Whatever is not on it is answered as if it had not asked, and the browser keeps it from its page."""

    def __init__(self, settings: Settings) -> None:
        exposed = (b"access-control-expose-headers", _EXPOSED)
        origins = [origin.encode() for origin in settings.cors.origins]
        self._answers = {origin: [(b"access-control-allow-origin", origin), exposed, _VARY] for origin in origins}
        self._others: RawHeaders = [_VARY] if origins else []
        self._keep = b"%d" % settings.cors.keep
        self._open = not settings.authentication.configured
        self._ours = (urlsplit(settings.server.public_url).hostname or "").encode()

    def knows(self, host: bytes | None) -> bool:
        """Whether the gateway is meant by the name that it is asked under.

        Where nobody has to say who they are, a page of elsewhere whose name leads here all at once would be let in: only
        the public name is known then, addresses, and names without a dot, which nobody outside can have.
        """
        return not self._open or host is None or _named(host) == self._ours or _local(host)

    def allows(self, origin: bytes) -> bool:
        """Whether pages of this origin may ask."""
        return origin in self._answers

    def headers(self, origin: bytes | None) -> RawHeaders:
        """What an answer to such a page says besides."""
        return self._others if origin is None else self._answers.get(origin, self._others)

    def telling(self, origin: bytes | None, send: Send) -> Send:
        """Sends, and says to the browser which pages may read what is sent."""
        headers = self.headers(origin)
        if not headers:
            return send

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        return told

    def preflight(self, headers: Mapping[bytes, bytes], methods: bytes) -> RawHeaders:
        """What the answer to a browser says that asks before it sends."""
        told = self.headers(headers.get(b"origin"))
        if told is self._others:
            return told
        return [
            *told,
            (b"access-control-allow-methods", methods),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", self._keep),
        ]


class CorsDoors:
    """ASGI middleware for what is not ``/graphql``: uploads and documents."""

    def __init__(self, app: ASGIApp, cors: Cors) -> None:
        self._app = app
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers preflights, and says to the browser who may read the rest."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            headers = collected(scope["headers"])
        except RepeatedHeader as error:
            await ProblemResponse(400, ProblemCode.INVALID.value, str(error))(scope, receive, send)
            return
        if not self._cors.knows(headers.get(b"host")):
            await ProblemResponse(421, ProblemCode.INVALID.value, UNKNOWN_HOST)(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await answer_preflight(self._cors.preflight(headers, b"GET, PUT, POST"), send)
        else:
            await self._app(scope, receive, self._cors.telling(headers.get(b"origin"), send))


def _named(host: bytes) -> bytes:
    """A host without its port."""
    return (host.rpartition(b":")[0] if _PORT.search(host) else host).lower()


@lru_cache(256)
def _local(host: bytes) -> bool:
    name = _named(host)
    if b"." not in name:
        return True
    try:
        ip_address(name.decode("latin-1"))
    except ValueError:
        return False
    return True


async def answer_preflight(headers: RawHeaders, send: Send) -> None:
    """Sends the answer to a preflight, which has no body."""
    await send({"type": "http.response.start", "status": 204, "headers": [*headers, *STRICT_RAW]})
    await send({"type": "http.response.body", "body": b""})
