"""Health monitor: streams each change of a provider's health, circuit or credentials. Runs only while somebody subscribes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from gateway.directory import ConnectedProvider, Directory
from gateway.task import cancel_and_wait
from providers.clock import Clock
from providers.http.circuit_breaker import CircuitState
from providers.http.credentials import CredentialState
from providers.http.health import HealthState

_MAX_WAIT_SECONDS: Final = 60.0

_Status = tuple[HealthState, CircuitState, CredentialState]


class _Subscriber:
    """A conflating buffer: the names of providers that have changed since they were last read, each once."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self.changed = dict.fromkeys(names)
        self.has_changes = asyncio.Event()

    def notify(self, name: str) -> None:
        if name in self.names:
            self.changed[name] = None
            self.has_changes.set()


class HealthMonitor:
    """Notifies subscribers when the status of a provider changes, also where it does so by time alone."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._subscribers: set[_Subscriber] = set()
        self._reported = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def watch(self, names: Sequence[str] | None = None, path: Sequence[str] = ()) -> AsyncIterator[ConnectedProvider]:
        """Each of the providers as it is now, then again at every change; a slow reader sees the newest status (conflation).

        Raises ``NotFound``, with ``path`` as the input it is about.
        """
        watched = self._directory if names is None else [self._directory.get(name, path) for name in names]
        return self._watch([each.name for each in watched])

    async def close(self) -> None:
        """Stops the monitor."""
        task, self._task = self._task, None
        await cancel_and_wait(task)

    async def _watch(self, names: Sequence[str]) -> AsyncIterator[ConnectedProvider]:
        subscriber = _Subscriber(names)
        self._subscribers.add(subscriber)
        shown: dict[str, _Status] = {}
        if self._task is None:
            self._task = asyncio.create_task(self._monitor(), name="health monitor")
        try:
            while True:
                subscriber.has_changes.clear()
                while subscriber.changed:
                    name = next(iter(subscriber.changed))
                    del subscriber.changed[name]
                    provider = self._directory.get(name)
                    # A status that changed and changed back before it was read is not shown again.
                    if (status := _status(provider)) != shown.get(name):
                        shown[name] = status
                        yield provider
                await subscriber.has_changes.wait()
        finally:
            self._subscribers.discard(subscriber)
            if not self._subscribers:
                await self.close()

    async def _monitor(self) -> None:
        with ExitStack() as listeners:
            for each in self._directory:
                listeners.enter_context(each.adapter.subscribe_health(self._reported.set))
            last = {each.name: _status(each) for each in self._directory}
            while True:
                await self._wait_for_change()
                for each in self._directory:
                    status = _status(each)
                    if status != last[each.name]:
                        last[each.name] = status
                        for subscriber in self._subscribers:
                            subscriber.notify(each.name)

    async def _wait_for_change(self) -> None:
        """Waits until an adapter reports a change, or one is due by time."""
        reported = asyncio.create_task(self._reported.wait())
        due = asyncio.create_task(self._clock.sleep(min(self._timeouts())))
        try:
            await asyncio.wait((reported, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reported, due):
                task.cancel()
            await asyncio.gather(reported, due, return_exceptions=True)
        self._reported.clear()

    def _timeouts(self) -> Iterator[float]:
        """Seconds until a circuit half-opens or a token expires, and a bound, as the machine's clock may be set meanwhile."""
        yield _MAX_WAIT_SECONDS
        for each in self._directory:
            if (wait := each.adapter.health.retry_after) > 0:
                yield wait
            expires_at = each.adapter.credentials.expires_at
            if expires_at is not None and (left := (expires_at - self._clock.now()).total_seconds()) > 0:
                yield left


def _status(provider: ConnectedProvider) -> _Status:
    health = provider.adapter.health
    return health.state, health.circuit, provider.adapter.credentials.state
