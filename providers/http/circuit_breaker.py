"""Circuit breaker: opens after consecutive failures of a provider, then lets one call through on trial."""

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
    """Opens after ``threshold`` consecutive failures, for ``pause`` seconds."""

    def __init__(self, clock: Clock, *, threshold: int = 8, pause: float = 5.0) -> None:
        self._clock = clock
        self._threshold = threshold
        self._pause = pause
        self._failures = 0
        self._opened_at: float | None = None
        self._trial: asyncio.Event | None = None

    @property
    def state(self) -> CircuitState:
        """The present state."""
        if self._opened_at is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self.retry_after() > 0 else CircuitState.HALF_OPEN

    def retry_after(self) -> float:
        """Seconds until a call may go out; 0 when one may, though another may be on trial."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._pause - self._clock.monotonic())

    async def wait_for_trial(self) -> None:
        """Waits while a call is on trial: calls that belong together would otherwise fail each other for ever."""
        while self._trial is not None:
            await self._trial.wait()

    def start_call(self) -> None:
        """Records that a call goes out, on trial in a half-open circuit. Follows ``wait_for_trial`` without a pause."""
        if self._opened_at is not None:
            self._trial = asyncio.Event()

    def record_success(self) -> None:
        """Closes the circuit: the provider answered."""
        self._failures = 0
        self._opened_at = None
        self._end_trial()

    def record_failure(self) -> None:
        """Counts a failure, which may open the circuit: the provider did not answer, or not sensibly."""
        self._failures += 1
        # Calls that were under way when it opened do not lengthen the pause.
        if self._trial or (self._opened_at is None and self._failures >= self._threshold):
            self._opened_at = self._clock.monotonic()
        self._end_trial()

    def record_cancellation(self) -> None:
        """Ends a trial without a result: a call that we cancelled says nothing about the provider."""
        self._end_trial()

    def _end_trial(self) -> None:
        if self._trial is not None:
            self._trial.set()
            self._trial = None
