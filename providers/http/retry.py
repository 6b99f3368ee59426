"""Retry policy: full jitter for reads, and for writes known not to have happened; ``Retry-After`` is honoured.

A POST that may have reached the provider is never sent again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from providers.clock import Clock
from providers.errors import AuthorizationRequired, Busy, SigningError, TimedOut
from providers.http.credentials import Auth
from providers.http.deadline import remaining_time_or
from providers.http.health import HealthRecorder
from providers.http.message.request import Request

T = TypeVar("T")
Attempt = Callable[[Request, Mapping[str, str]], Awaitable[T]]
"""Sends a request once, with the headers that authenticate it."""

MAX_ATTEMPTS: Final = 3
_FIRST_DELAY, _MAX_DELAY = 0.1, 2.0
_MAX_DOUBLINGS = 16


class RetryPolicy:
    """Sends requests to one provider, and sends them again where that is safe and there is time left.

    A request that is refused with 401 is sent once more with new credentials; that is not counted as an attempt.
    """

    def __init__(self, provider: str, timeout: float, clock: Clock, health: HealthRecorder) -> None:
        self._provider = provider
        self._timeout = timeout
        self._clock = clock
        self._health = health

    async def send_with_retries(self, request: Request, send: Attempt[T], auth: Auth | None) -> T:
        """The result of the first attempt that succeeds. Raises the error of the last one."""
        attempt = 1
        while True:
            try:
                if auth is None:
                    return await send(request, {})
                headers = auth.headers()
                if headers is None:
                    headers = await self._refresh(auth, None)
                try:
                    return await send(request, headers)
                except AuthorizationRequired:
                    # The refused call has released its slot by now: fetching a token takes one.
                    if not (refreshed := await self._refresh(auth, headers)):
                        raise
                return await send(request, refreshed)
            except SigningError as error:
                delay = _delay(error, attempt)
                late = delay >= remaining_time_or(self._timeout, self._clock)
                if attempt >= MAX_ATTEMPTS or late or not self._is_retryable(request, error):
                    raise
            attempt += 1
            await self._clock.sleep(delay)

    def _is_retryable(self, request: Request, error: SigningError) -> bool:
        if not error.retryable or self._health.circuit.retry_after() > 0:
            return False
        return request.repeatable or error.status in {None, 429} or isinstance(error, Busy)

    async def _refresh(self, auth: Auth, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """New headers that authenticate; none where there are no others than the rejected ones."""
        try:
            async with asyncio.timeout(remaining_time_or(self._timeout, self._clock)):
                return await auth.refresh(rejected)
        except TimeoutError as error:
            raise TimedOut(f"No credentials for {self._provider} were to be had in time.", provider=self._provider) from error
        finally:
            self._health.notify()


def _delay(error: SigningError, attempt: int) -> float:
    """The seconds that the provider asks for; otherwise full jitter: anything up to an exponential bound."""
    if error.retry_after is not None:
        return error.retry_after
    return full_jitter(_FIRST_DELAY, _MAX_DELAY, attempt, random.random())


def full_jitter(first: float, longest: float, doublings: int, jitter: float) -> float:
    """Exponential backoff with full jitter, in seconds: a share (``jitter``, 0 to 1) of the bound, doubled so often."""
    return jitter * min(longest, first * 2.0 ** min(doublings, _MAX_DOUBLINGS))
