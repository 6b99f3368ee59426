"""How long a provider in trouble is left alone."""

from __future__ import annotations

import random
from collections.abc import Callable

from providers.clock import Clock
from providers.errors import AuthorizationRequired, SigningError
from providers.http.credentials import Credentials

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0
_LONGEST_ASKED = 3600.0


class Backoff:
    """Twice as long after each failure, with full jitter, or as long as the provider asks; nothing after a success.

    Credentials that are not accepted will hardly be in a minute, so that is asked rarely, unless others have come.
    """

    def __init__(self, clock: Clock, credentials: Callable[[], Credentials], luck: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._credentials = credentials
        self._luck = luck
        self._failures = 0
        self._until = 0.0
        self._refused: Credentials | None = None

    def left(self) -> float:
        """Seconds until the provider is asked again; 0 where it may be now."""
        if self._refused is not None and self._credentials() != self._refused:
            self.succeeded()
        return max(0.0, self._until - self._clock.monotonic())

    def failed(self, error: SigningError) -> None:
        """The provider had trouble. Several failures at once are one."""
        if self.left() > 0:
            return
        if isinstance(error, AuthorizationRequired):
            self._refused = self._credentials()
            wait = _LONGEST_SECONDS * (1 + self._luck()) / 2
        else:
            # The exponent is bounded, as a float's is.
            wait = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** min(self._failures, 16)) * self._luck()
        self._failures += 1
        asked = min(error.retry_after or 0.0, _LONGEST_ASKED)
        self._until = self._clock.monotonic() + max(wait, asked)

    def succeeded(self) -> None:
        """The provider answers."""
        self._failures, self._until, self._refused = 0, 0.0, None
