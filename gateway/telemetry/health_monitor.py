"""Watches how providers are: their health, circuits and credentials. Keeps watch only while somebody wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from gateway.directory import Connected, Directory
from gateway.task import end
from providers.clock import Clock
from providers.http.circuit_breaker import CircuitState
from providers.http.credentials import CredentialState
from providers.http.health import HealthState

_LONGEST: Final = 60.0

_Standing = tuple[HealthState, CircuitState, CredentialState]


class _Watcher:
    """Somebody who wants to know; holds no more than the names of what changed since they last looked."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self.changed = dict.fromkeys(names)
        self.woken = asyncio.Event()

    def tell(self, name: str) -> None:
        if name in self.names:
            self.changed[name] = None
            self.woken.set()


class Vigil:
    """Tells everybody who watches when the state of a provider changes, also where it does so by time alone."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._watchers: set[_Watcher] = set()
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def watch(self, names: Sequence[str] | None = None, path: Sequence[str] = ()) -> AsyncIterator[Connected]:
        """Each of the providers as it is now, then again at every change; who looks seldom sees the newest state.

        Raises ``NotFound``, with ``path`` as the input it is about.
        """
        watched = self._directory if names is None else [self._directory.get(name, path) for name in names]
        return self._watch([each.name for each in watched])

    async def close(self) -> None:
        """Ends the watch."""
        task, self._task = self._task, None
        await end(task)

    async def _watch(self, names: Sequence[str]) -> AsyncIterator[Connected]:
        watcher = _Watcher(names)
        self._watchers.add(watcher)
        shown: dict[str, _Standing] = {}
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name="vigil over providers")
        try:
            while True:
                watcher.woken.clear()
                while watcher.changed:
                    name = next(iter(watcher.changed))
                    del watcher.changed[name]
                    provider = self._directory.get(name)
                    # What changed and changed back before anybody looked is no news.
                    if (now := _standing(provider)) != shown.get(name):
                        shown[name] = now
                        yield provider
                await watcher.woken.wait()
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                await self.close()

    async def _keep(self) -> None:
        with ExitStack() as hearing:
            for each in self._directory:
                hearing.enter_context(each.adapter.subscribe_health(self._stirred.set))
            known = {each.name: _standing(each) for each in self._directory}
            while True:
                await self._rest()
                for each in self._directory:
                    now = _standing(each)
                    if now != known[each.name]:
                        known[each.name] = now
                        for watcher in self._watchers:
                            watcher.tell(each.name)

    async def _rest(self) -> None:
        """Until something stirs, or is due to change by itself."""
        stirred = asyncio.create_task(self._stirred.wait())
        due = asyncio.create_task(self._clock.sleep(min(self._dues())))
        try:
            await asyncio.wait((stirred, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stirred, due):
                task.cancel()
            await asyncio.gather(stirred, due, return_exceptions=True)
        self._stirred.clear()

    def _dues(self) -> Iterator[float]:
        """Seconds until a circuit lets a call try, or a token ends; a machine's clock may be set in the meantime."""
        yield _LONGEST
        for each in self._directory:
            if (wait := each.adapter.health.wait) > 0:
                yield wait
            expires_at = each.adapter.credentials.expires_at
            if expires_at is not None and (left := (expires_at - self._clock.now()).total_seconds()) > 0:
                yield left


def _standing(provider: Connected) -> _Standing:
    health = provider.adapter.health
    return health.state, health.circuit, provider.adapter.credentials.state
