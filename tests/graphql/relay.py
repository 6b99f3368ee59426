"""Proxy between the gateway and a sandbox, which changes responses on demand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

import httpx
from starlette.requests import Request
from starlette.responses import Response

Alter = Callable[[Request, bytes], bytes]
Instead = Callable[[Request], Awaitable[Response | None]]


def _unchanged(request: Request, body: bytes) -> bytes:
    return body


async def _nothing(request: Request) -> Response | None:
    return None


class Relay:
    """An ASGI application. ``alter`` changes the body of an answer, ``instead`` gives another answer."""

    def __init__(self, target: str) -> None:
        self.alter: Alter = _unchanged
        self.instead: Instead = _nothing
        self.headers: list[dict[str, str]] = []
        self._client = httpx.AsyncClient(base_url=target, timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aclose()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        self.headers.append(dict(request.headers))
        response = await self.instead(request)
        if response is None:
            response = await self._passed(request)
        await response(scope, receive, send)

    async def _passed(self, request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.items() if name not in {"host", "content-length"}]
        answer = await self._client.request(
            request.method,
            request.url.path,
            params=request.query_params.multi_items(),
            headers=headers,
            content=await request.body(),
        )
        kept = {name: value for name, value in answer.headers.items() if name not in {"content-length", "content-encoding"}}
        return Response(self.alter(request, answer.content), answer.status_code, kept)
