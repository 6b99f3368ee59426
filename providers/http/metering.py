"""Metering: the operation that a call is made for, kept in a context variable, and its outcome. The client times it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final

from providers.capability import Operation
from providers.errors import SigningError

Meter = Callable[[str, str, float], None]
"""Takes the operation of a call ("" for none), its outcome, and its latency in seconds.

The outcome is OK, ABANDONED where it was cancelled, or the code of the problem. UNREADABLE follows an OK whose response
could not be decoded. It is called within the call: it has to take microseconds, and must not raise.
"""

OK: Final = "OK"
ABANDONED: Final = "ABANDONED"
UNREADABLE: Final = "UNREADABLE"

OPERATION_BY_VERB: Final[Mapping[str, Operation]] = {
    "fetch_session": Operation.LIST_SESSIONS,
    "list_sessions": Operation.LIST_SESSIONS,
    "find_by_marker": Operation.LIST_SESSIONS,
    "compensate": Operation.DELETE_SESSION,
    "fetch_statistics": Operation.STATISTICS,
    "download_signature": Operation.LIST_SIGNATURES,
    **{
        each.lower(): each
        for each in Operation
        if each not in {Operation.LIST_SESSIONS, Operation.ARCHIVE, Operation.WEBHOOKS, Operation.STATISTICS}
    },
}
"""The operation of each verb of an adapter. Reading one session is part of listing them."""

_operation: ContextVar[str] = ContextVar("operation", default="")


def null_meter(operation: str, outcome: str, seconds: float) -> None:
    """Discards the measurement."""


def current_operation() -> str:
    """The operation that the present call belongs to; "" outside of any."""
    return _operation.get()


def outcome_of(error: BaseException | None) -> str:
    """The outcome that a call ended with."""
    if error is None:
        return OK
    if isinstance(error, SigningError):
        return error.code.value
    return ABANDONED if isinstance(error, asyncio.CancelledError | GeneratorExit) else "INTERNAL"


@contextmanager
def on_behalf_of(operation: Operation) -> Iterator[None]:
    """Meters calls within under this operation, unless an outer operation is being metered."""
    if _operation.get():
        yield
        return
    token = _operation.set(operation.value)
    try:
        yield
    finally:
        _operation.reset(token)


def metered(verb: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    """Decorates a verb of an adapter: its calls are metered under this operation."""
    if iscoroutinefunction(verb):

        @wraps(verb)
        async def metered_verb(*args: Any, **kwargs: Any) -> Any:
            if _operation.get():
                return await verb(*args, **kwargs)
            token = _operation.set(operation.value)
            try:
                return await verb(*args, **kwargs)
            finally:
                _operation.reset(token)

        return metered_verb

    @wraps(verb)
    def metered_stream(*args: Any, **kwargs: Any) -> AbstractAsyncContextManager[Any]:
        return _open_metered(verb(*args, **kwargs), operation)

    return metered_stream


@asynccontextmanager
async def _open_metered(stream: AbstractAsyncContextManager[Any], operation: Operation) -> Any:
    async with AsyncExitStack() as stack:
        with on_behalf_of(operation):
            opened = await stack.enter_async_context(stream)
        yield opened
