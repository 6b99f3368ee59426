"""Probe: times the same harmless read at every provider in turn, for the comparison on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.directory import ConnectedProvider
from gateway.metrics import Latency
from gateway.metrics.histogram import Histogram
from gateway.store import PageRequest, SessionFilter, SessionOrder, Store
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import NotFound, SigningError

_MISSING_KEY = "0"
"""Read where no session is known: a 404 is an answer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Result of reads at one provider. ``latency`` is of answered reads; ``problem`` is the last failure."""

    provider: str
    what: str
    reads: int
    failures: int
    latency: Latency
    problem: str | None


async def probe(
    providers: Sequence[ConnectedProvider], store: Store, times: int, clock: Clock, step: Callable[[str], None]
) -> list[Probe]:
    """Reads so many times at each provider, round robin; ``step`` is called with the provider's name after each read.

    One round goes to all providers before the next begins, so that all are read under the same conditions.
    """
    runs = [_ProbeRun(each, await _newest_session(each, store), clock) for each in providers]
    for _ in range(times):
        for run in runs:
            await run.read()
            step(run.provider.name)
    return [run.result() for run in runs]


async def _newest_session(provider: ConnectedProvider, store: Store) -> str | None:
    """The key of the session to read where the provider has no list; None where it has one."""
    if provider.can(Operation.LIST_SESSIONS):
        return None
    filter_ = SessionFilter(providers=(provider.name,))
    rows = await store.sessions.page(filter_, SessionOrder.CREATED_AT_DESC, PageRequest(limit=1))
    return rows[0].session.key if rows else _MISSING_KEY


class _ProbeRun:
    """Reads at one provider. ``key`` is the session that is read; None for the first row of the list."""

    def __init__(self, provider: ConnectedProvider, key: str | None, clock: Clock) -> None:
        self.provider = provider
        self._key = key
        self._clock = clock
        self._durations = Histogram()
        self._reads = 0
        self._problem: str | None = None
        self._failures = 0

    async def read(self) -> None:
        """Reads once."""
        begun = self._clock.monotonic()
        self._reads += 1
        try:
            if self._key is None:
                await self.provider.adapter.list_sessions(0, 1)
            else:
                await self.provider.adapter.fetch_session(self._key)
        except NotFound:
            pass
        except SigningError as error:
            self._failures += 1
            self._problem = error.message
            return
        self._durations.add([self._clock.monotonic() - begun])

    def result(self) -> Probe:
        """The result of all reads so far."""
        what = "the first row of its list" if self._key is None else "one session"
        return Probe(self.provider.name, what, self._reads, self._failures, Latency.of(self._durations), self._problem)
