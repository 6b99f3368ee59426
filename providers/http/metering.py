"""What is told of every call that leaves: for which operation it was made, what came of it, and how long it took."""

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
"""Takes the operation that a call was made for ("" for none), its outcome, and its latency in seconds.

The outcome is OK, ABANDONED where we gave it up ourselves, or the code of the problem that came of it. UNREADABLE tells of
one that was OK before that nobody can read what was answered. It is called within the call: it has to take microseconds, and
never raises.
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
"""The operation that each verb of an adapter is. Reading one session is part of listing them."""

_operation: ContextVar[str] = ContextVar("operation", default="")


def null_meter(operation: str, outcome: str, seconds: float) -> None:
    """Counts nothing."""


def current_operation() -> str:
    """The operation that calls are made for here; "" outside of any."""
    return _operation.get()


def outcome_of(error: BaseException | None) -> str:
    """How a call ended, in one word."""
    if error is None:
        return OK
    if isinstance(error, SigningError):
        return error.code.value
    return ABANDONED if isinstance(error, asyncio.CancelledError | GeneratorExit) else "INTERNAL"


@contextmanager
def on_behalf_of(operation: Operation) -> Iterator[None]:
    """Calls within are made for this operation, unless they are for another that this is a part of."""
    if _operation.get():
        yield
        return
    token = _operation.set(operation.value)
    try:
        yield
    finally:
        _operation.reset(token)


def metered(verb: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    """The same verb of an adapter, whose calls are told to be for an operation."""
    if iscoroutinefunction(verb):

        @wraps(verb)
        async def awaited(*given: Any, **named: Any) -> Any:
            if _operation.get():
                return await verb(*given, **named)
            token = _operation.set(operation.value)
            try:
                return await verb(*given, **named)
            finally:
                _operation.reset(token)

        return awaited

    @wraps(verb)
    def opened(*given: Any, **named: Any) -> AbstractAsyncContextManager[Any]:
        return _opened(verb(*given, **named), operation)

    return opened


@asynccontextmanager
async def _opened(content: AbstractAsyncContextManager[Any], operation: Operation) -> Any:
    async with AsyncExitStack() as stack:
        with on_behalf_of(operation):
            opened = await stack.enter_async_context(content)
        yield opened
