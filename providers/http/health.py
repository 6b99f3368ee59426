"""How the last calls to a provider went: what is shown of it, and what its circuit learns from it."""

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

_FAILED = (Unavailable, Misbehaved, InDoubt)
_CALL = re.compile(r" (?:GET|HEAD|POST|PUT|PATCH|DELETE) /\S*")
_UNWELL = (*_FAILED, AuthorizationRequired, Busy)


class HealthState(StrEnum):
    """Whether a provider answers."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Health:
    """How the last calls to a provider went."""

    circuit: CircuitState = CircuitState.CLOSED
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_error: SigningError | None = None
    wait: float = 0.0
    """Seconds until the circuit lets a call try again; 0 when one may."""

    @property
    def state(self) -> HealthState:
        """What the last calls come to."""
        if self.circuit is not CircuitState.CLOSED:
            return HealthState.DOWN
        if self.last_error is not None:
            return HealthState.DEGRADED
        return HealthState.UNKNOWN if self.last_success_at is None else HealthState.UP


def _public(error: SigningError) -> SigningError:
    """What everybody may know of a failure: not which call it was, as addresses hold names of documents, nor their words."""
    message = _CALL.sub("", error.message)
    code = error.provider_code
    return type(error)(message, provider=error.provider, provider_code=code, status=error.status, retry_after=error.retry_after)


class HealthRecorder:
    """Keeps the circuit of one provider, and when its calls last went well or not."""

    def __init__(self, clock: Clock) -> None:
        self.circuit = CircuitBreaker(clock)
        self._clock = clock
        self._last_success_at: datetime | None = None
        self._last_failure_at: datetime | None = None
        self._last_error: SigningError | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def health(self) -> Health:
        """How the last calls went."""
        return Health(self.circuit.state, self._last_success_at, self._last_failure_at, self._last_error, self.circuit.wait())

    def record(self, error: BaseException | None) -> None:
        """A call ended: with an answer, with one of our errors, or because it was given up."""
        if isinstance(error, _FAILED):
            self.circuit.failed()
        elif error is None or isinstance(error, SigningError):
            self.circuit.succeeded()
        else:
            self.circuit.abandoned()
            self.notify()
            return
        # A provider that says no to one request is as well as one that says yes.
        if isinstance(error, _UNWELL):
            self._last_failure_at, self._last_error = self._clock.now(), _public(error)
        else:
            self._last_success_at, self._last_error = self._clock.now(), None
        self.notify()

    @contextmanager
    def subscribe(self, listener: Callable[[], None]) -> Iterator[None]:
        """Calls ``listener`` after every call that ended, and whenever else ``notify`` is called."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def notify(self) -> None:
        """Something about the provider may be another than before."""
        for listener in self._listeners:
            listener()
