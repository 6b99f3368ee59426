"""Health of a provider, recorded from the outcome of its calls; the circuit breaker is fed by the same outcomes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from providers.clock import Clock
from providers.errors import AuthorizationRequired, Busy, InDoubt, Misbehaved, SigningError, Unavailable
from providers.http.circuit_breaker import CircuitBreaker, CircuitState

_FAILURES = (Unavailable, Misbehaved, InDoubt)
_METHOD_AND_PATH = re.compile(r" (?:GET|HEAD|POST|PUT|PATCH|DELETE) /\S*")
_UNHEALTHY = (*_FAILURES, AuthorizationRequired, Busy)


class HealthState(StrEnum):
    """Whether a provider answers its calls."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Health:
    """Health of a provider by its last calls."""

    circuit: CircuitState = CircuitState.CLOSED
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_error: SigningError | None = None
    retry_after: float = 0.0
    """Seconds until the circuit lets a call try again; 0 when one may."""

    @property
    def state(self) -> HealthState:
        """The state that follows from the circuit and the last call."""
        if self.circuit is not CircuitState.CLOSED:
            return HealthState.DOWN
        if self.last_error is not None:
            return HealthState.DEGRADED
        return HealthState.UNKNOWN if self.last_success_at is None else HealthState.UP


def _redact(error: SigningError) -> SigningError:
    """The error without its call, as paths hold names of documents, and without the provider's own words."""
    message = _METHOD_AND_PATH.sub("", error.message)
    code = error.provider_code
    return type(error)(message, provider=error.provider, provider_code=code, status=error.status, retry_after=error.retry_after)


class HealthRecorder:
    """Records the outcome of every call to one provider, feeds its circuit breaker, and notifies listeners."""

    def __init__(self, clock: Clock) -> None:
        self.circuit = CircuitBreaker(clock)
        self._clock = clock
        self._last_success_at: datetime | None = None
        self._last_failure_at: datetime | None = None
        self._last_error: SigningError | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def health(self) -> Health:
        """The health as it is now."""
        return Health(
            self.circuit.state, self._last_success_at, self._last_failure_at, self._last_error, self.circuit.retry_after()
        )

    def record(self, error: BaseException | None) -> None:
        """Records a call that ended: with a response, with one of our errors, or by cancellation."""
        if isinstance(error, _FAILURES):
            self.circuit.record_failure()
        elif error is None or isinstance(error, SigningError):
            self.circuit.record_success()
        else:
            self.circuit.record_cancellation()
            self.notify()
            return
        # A provider that refuses one request is as healthy as one that accepts it.
        if isinstance(error, _UNHEALTHY):
            self._last_failure_at, self._last_error = self._clock.now(), _redact(error)
        else:
            self._last_success_at, self._last_error = self._clock.now(), None
        self.notify()

    @contextmanager
    def subscribe(self, listener: Callable[[], None]) -> Iterator[None]:
        """Calls ``listener`` after every call that ended, and on every other ``notify``."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def notify(self) -> None:
        """Calls the listeners: health or credentials may have changed."""
        for listener in self._listeners:
            listener()
