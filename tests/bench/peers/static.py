"""The ceiling: what uvicorn costs that answers with bytes of the same size and does nothing else. ``/N`` has N of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

Message = MutableMapping[str, Any]


@cache
def _head(size: int) -> Message:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    return {"type": "http.response.start", "status": 200, "headers": headers}


@cache
def _body(size: int) -> Message:
    return {"type": "http.response.body", "body": b" " * size}


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    """The ASGI application."""
    if scope["type"] != "http":
        return
    size = int(scope["path"].removeprefix("/"))
    while (await receive()).get("more_body"):
        pass
    await send(dict(_head(size)))
    await send(dict(_body(size)))
