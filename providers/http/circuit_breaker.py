"""A circuit breaker: after a row of failures a provider is left alone for a while, then tried once."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from providers.clock import Clock


class CircuitState(StrEnum):
    """Whether calls go out (CLOSED), one is on trial (HALF_OPEN), or none does (OPEN)."""

    CLOSED = "CLOSED"
    HALF_OPEN = "HALF_OPEN"
    OPEN = "OPEN"


class CircuitBreaker:
    """Opens after ``threshold`` failures in a row, for ``pause`` seconds."""

    def __init__(self, clock: Clock, *, threshold: int = 8, pause: float = 5.0) -> None:
        self._clock = clock
        self._threshold = threshold
        self._pause = pause
        self._failures = 0
        self._opened_at: float | None = None
        self._trial: asyncio.Event | None = None

    @property
    def state(self) -> CircuitState:
        """The state now."""
        if self._opened_at is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self.wait() > 0 else CircuitState.HALF_OPEN

    def wait(self) -> float:
        """Seconds until a call may go out; 0 when one may, though another may be on trial."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._pause - self._clock.monotonic())

    async def verdict(self) -> None:
        """Waits while a call is on trial: calls that belong together would otherwise fail each other for ever."""
        while self._trial is not None:
            await self._trial.wait()

    def begin(self) -> None:
        """A call goes out; in a half-open circuit it is the one on trial. Follows ``verdict`` without a pause."""
        if self._opened_at is not None:
            self._trial = asyncio.Event()

    def succeeded(self) -> None:
        """The provider answered."""
        self._failures = 0
        self._opened_at = None
        self._decide()

    def failed(self) -> None:
        """The provider did not answer, or not sensibly."""
        self._failures += 1
        # Calls that were under way when it opened do not lengthen the pause.
        if self._trial or (self._opened_at is None and self._failures >= self._threshold):
            self._opened_at = self._clock.monotonic()
        self._decide()

    def abandoned(self) -> None:
        """The call was given up by us, which says nothing about the provider."""
        self._decide()

    def _decide(self) -> None:
        if self._trial is not None:
            self._trial.set()
            self._trial = None
