"""Exponential backoff with full jitter: how long a provider in trouble is not polled."""

from __future__ import annotations

import random
from collections.abc import Callable

from providers.clock import Clock
from providers.errors import AuthorizationRequired, SigningError
from providers.http.credentials import Credentials
from providers.http.retry import full_jitter

_FIRST_SECONDS = 1.0
_MAX_SECONDS = 300.0
_MAX_RETRY_AFTER = 3600.0


class Backoff:
    """Doubles the wait after each failure, heeds ``Retry-After``, and resets after a success.

    Refused credentials are hardly good a minute later: the wait is the longest at once, and ends as soon as there are others.
    """

    def __init__(
        self, clock: Clock, credentials: Callable[[], Credentials], jitter: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._credentials = credentials
        self._jitter = jitter
        self._failures = 0
        self._until = 0.0
        self._refused: Credentials | None = None

    def remaining(self) -> float:
        """Seconds until the provider may be called again; 0 where it may be now."""
        if self._refused is not None and self._credentials() != self._refused:
            self.record_success()
        return max(0.0, self._until - self._clock.monotonic())

    def record_failure(self, error: SigningError) -> None:
        """Begins or extends the wait. Failures of concurrent calls count as one."""
        if self.remaining() > 0:
            return
        if isinstance(error, AuthorizationRequired):
            self._refused = self._credentials()
            wait = _MAX_SECONDS * (1 + self._jitter()) / 2
        else:
            wait = full_jitter(_FIRST_SECONDS, _MAX_SECONDS, self._failures, self._jitter())
        self._failures += 1
        retry_after = min(error.retry_after or 0.0, _MAX_RETRY_AFTER)
        self._until = self._clock.monotonic() + max(wait, retry_after)

    def record_success(self) -> None:
        """Ends the wait: the provider answers."""
        self._failures, self._until, self._refused = 0, 0.0, None
