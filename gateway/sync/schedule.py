"""When each session is looked at again: the cadence of its provider, kept in the store for all gateways."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from gateway.directory import Directory
from gateway.store import Store
from gateway.store.session_state.polls import Course, Times
from gateway.sync.polling_interval import Cadence
from providers.clock import Clock
from providers.model import SessionRef


class Schedule:
    """What is due. ``luck`` spreads what would otherwise come all at once."""

    def __init__(self, store: Store, directory: Directory, clock: Clock, luck: Callable[[], float] = random.random) -> None:
        self._polls = store.polls
        self._directory = directory
        self._clock = clock
        self._luck = luck

    def soon(self, provider: str) -> datetime:
        """When to look after a change, or at the list again."""
        return self._cadence(provider).soon(self._clock.now(), self._luck())

    async def followed(self, provider: str, limit: int) -> list[str]:
        """Sessions that somebody follows and that are due, most overdue first."""
        return await self._polls.followed(provider, self._clock.now(), limit)

    async def due(self, provider: str, limit: int) -> list[str]:
        """Sessions that nobody follows and that are due, most overdue first."""
        return await self._polls.due(provider, self._clock.now(), limit)

    async def due_rows(self, provider: str, limit: int) -> Mapping[str, str]:
        """The same as rows of the provider's list, and the session each belongs to."""
        return await self._polls.due_rows(provider, self._clock.now(), limit)

    async def awaiting(self, provider: str, limit: int) -> list[str]:
        """Sessions that are due and whose results are still being made, which no list need show."""
        return await self._polls.awaiting(provider, self._clock.now(), limit)

    async def next_followed(self, provider: str) -> datetime | None:
        """When the next of those that somebody follows is due."""
        return await self._polls.next_followed(provider, self._clock.now())

    async def next_due(self, provider: str) -> datetime | None:
        """When the next of those that nobody follows is due."""
        return await self._polls.next_due(provider, self._clock.now())

    async def looked(self, provider: str, at: Mapping[str, datetime]) -> None:
        """Sessions, by their keys, have been looked at, each at its time: each is due again after as long as it takes."""
        if at:
            now = self._clock.now()
            await self._polls.reschedule(provider, at, now, lambda course: self._times(provider, course, at[course.key]))

    async def listed(self, provider: str, rows: Collection[str]) -> None:
        """Rows of the provider's list have been looked at. What was due only later than half of its time stays as it is."""
        now = self._clock.now()

        def plan(course: Course) -> Times | None:
            times = self._times(provider, course, now)
            near = times.alone is None or course.poll_at is None or course.poll_at <= now + (times.alone - now) / 2
            return times if near else None

        if keys := await self._polls.of_rows(provider, rows):
            await self._polls.reschedule(provider, keys, now, plan)

    async def follow(self, refs: Iterable[SessionRef], lasting: timedelta) -> set[SessionRef]:
        """Somebody follows sessions for a while from now; gives those that are known."""
        now, known = self._clock.now(), [ref for ref in refs if ref.provider in self._directory]
        names = {ref.provider for ref in known}
        soon = {name: self._cadence(name).followed_at(now, self._luck()) for name in names}
        return await self._polls.follow(known, now + lasting, soon)

    def _times(self, provider: str, course: Course, now: datetime) -> Times:
        cadence = self._cadence(provider)
        alone = cadence.next_at(now, course.changed_at, course.due_at, self._luck())
        return Times(None if course.settled else alone, cadence.followed_at(now, self._luck()))

    def _cadence(self, provider: str) -> Cadence:
        return Cadence.of(self._directory.get(provider).settings)
