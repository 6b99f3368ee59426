"""The same harmless reads at every provider, in turn: how long each takes, and what fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.directory import Connected
from gateway.metrics import Latency
from gateway.metrics.histogram import Histogram
from gateway.store import PageRequest, SessionFilter, SessionOrder, Store
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import NotFound, SigningError

NOBODY = "0"
"""Asked for where no session is known: that there is none is an answer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of reading at one provider. ``latency`` is of whole reads that were answered; ``problem`` the last failure."""

    provider: str
    what: str
    reads: int
    failures: int
    latency: Latency
    problem: str | None


async def probe(
    providers: Sequence[Connected], store: Store, times: int, clock: Clock, step: Callable[[str], None]
) -> list[Probe]:
    """Reads so many times at each, one after the other; ``step`` is called with the provider's name after each read.

    One round goes to all providers before the next begins, so that each is asked under the same conditions.
    """
    courses = [_Course(each, await _newest(each, store), clock) for each in providers]
    for _ in range(times):
        for course in courses:
            await course.read()
            step(course.provider.name)
    return [course.result() for course in courses]


async def _newest(provider: Connected, store: Store) -> str | None:
    """The session to read where there is no list."""
    if provider.can(Operation.LIST_SESSIONS):
        return None
    wanted = SessionFilter(providers=(provider.name,))
    rows = await store.sessions.page(wanted, SessionOrder.CREATED_AT_DESC, PageRequest(limit=1))
    return rows[0].session.key if rows else NOBODY


class _Course:
    """The reads at one provider. ``key`` is the session that is read; None for the first row of the list."""

    def __init__(self, provider: Connected, key: str | None, clock: Clock) -> None:
        self.provider = provider
        self._key = key
        self._clock = clock
        self._taken = Histogram()
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
        self._taken.add([self._clock.monotonic() - begun])

    def result(self) -> Probe:
        """What it came to."""
        what = "the first row of its list" if self._key is None else "one session"
        return Probe(self.provider.name, what, self._reads, self._failures, Latency.of(self._taken), self._problem)
