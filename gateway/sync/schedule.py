"""Adaptive polling: when each session is due again, kept in the store for all gateways."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.directory import Directory
from gateway.store import Store
from gateway.store.session_state.poll_queue import PollCandidate, PollTimes
from providers.clock import Clock
from providers.model import SessionRef
from providers.settings import ProviderSettings

_MIN_JITTER_SHARE = 0.8
_FOLLOWED_SHARE = 0.9
_UNCHANGED_SHARE = 0.1
_MAX_INTERVALS = 20
_AFTER_DUE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PollingInterval:
    """Seconds between two polls: ``interval`` of a session that has changed lately, ``followed`` of one with a follower.

    A session that has not changed for long is polled after a tenth of that time, at most twenty intervals. Both are upper
    bounds: ``jitter``, from 0 to 1, only ever shortens them, by up to a fifth, so that polls do not come all at once. A
    follower hears of a change within its interval, so a tenth of that is left for the poll itself.
    """

    interval: float
    followed: float

    @classmethod
    def of(cls, settings: ProviderSettings) -> PollingInterval:
        """As a provider is configured. No follower waits longer than the others."""
        return cls(settings.poll_interval, min(settings.poll_interval_watched, settings.poll_interval))

    def after_change(self, now: datetime, jitter: float) -> datetime:
        """Due time after a change, and of the next reading of a list."""
        return now + _jittered(self.interval, jitter)

    def next_followed_at(self, now: datetime, jitter: float) -> datetime:
        """Due time of a session with a follower."""
        return now + _jittered(self.followed * _FOLLOWED_SHARE, jitter)

    def next_at(self, now: datetime, changed_at: datetime, due_at: datetime | None, jitter: float) -> datetime:
        """Due time of a session without a follower: also right after its due date, which counts as a change."""
        if due_at is not None and changed_at < due_at <= now:
            changed_at = due_at
        unchanged = (now - changed_at).total_seconds() * _UNCHANGED_SHARE
        regular = now + _jittered(min(max(unchanged, self.interval), self.interval * _MAX_INTERVALS), jitter)
        return regular if due_at is None or due_at <= now else min(regular, due_at + _AFTER_DUE)


def _jittered(seconds: float, jitter: float) -> timedelta:
    return timedelta(seconds=seconds * (_MIN_JITTER_SHARE + (1 - _MIN_JITTER_SHARE) * jitter))


class Schedule:
    """Reads and writes the due times of sessions. ``jitter`` spreads polls that would otherwise come all at once."""

    def __init__(self, store: Store, directory: Directory, clock: Clock, jitter: Callable[[], float] = random.random) -> None:
        self._polls = store.polls
        self._directory = directory
        self._clock = clock
        self._jitter = jitter

    def soon(self, provider: str) -> datetime:
        """Due time after a change, and of the next reading of the list."""
        return self._interval(provider).after_change(self._clock.now(), self._jitter())

    async def followed(self, provider: str, limit: int) -> list[str]:
        """Sessions with a follower that are due, the most overdue first."""
        return await self._polls.due_followed(provider, self._clock.now(), limit)

    async def due(self, provider: str, limit: int) -> list[str]:
        """Sessions without a follower that are due, the most overdue first."""
        return await self._polls.due_unfollowed(provider, self._clock.now(), limit)

    async def due_rows(self, provider: str, limit: int) -> Mapping[str, str]:
        """The same as rows of the provider's list, and the session that each row belongs to."""
        return await self._polls.due_rows(provider, self._clock.now(), limit)

    async def awaiting(self, provider: str, limit: int) -> list[str]:
        """Due sessions whose results are still being made, which no list need show."""
        return await self._polls.due_awaiting_results(provider, self._clock.now(), limit)

    async def next_followed(self, provider: str) -> datetime | None:
        """Due time of the next session with a follower."""
        return await self._polls.next_followed_at(provider, self._clock.now())

    async def next_due(self, provider: str) -> datetime | None:
        """Due time of the next session without a follower."""
        return await self._polls.next_unfollowed_at(provider, self._clock.now())

    async def record_polls(self, provider: str, at: Mapping[str, datetime]) -> None:
        """Reschedules sessions that were polled, by their keys, each at its time."""
        if at:
            now = self._clock.now()
            await self._polls.reschedule(provider, at, now, lambda course: self._times(provider, course, at[course.key]))

    async def record_rows(self, provider: str, rows: Collection[str]) -> None:
        """Reschedules sessions whose rows of the list were read, but for those that are due after half of their interval."""
        now = self._clock.now()

        def reschedule(course: PollCandidate) -> PollTimes | None:
            times = self._times(provider, course, now)
            near = times.unfollowed is None or course.poll_at is None or course.poll_at <= now + (times.unfollowed - now) / 2
            return times if near else None

        if keys := await self._polls.sessions_of_rows(provider, rows):
            await self._polls.reschedule(provider, keys, now, reschedule)

    async def follow(self, refs: Iterable[SessionRef], lease: timedelta) -> set[SessionRef]:
        """Registers followers of sessions for so long; gives the sessions that the store knows."""
        now, configured = self._clock.now(), [ref for ref in refs if ref.provider in self._directory]
        names = {ref.provider for ref in configured}
        due = {name: self._interval(name).next_followed_at(now, self._jitter()) for name in names}
        return await self._polls.follow(configured, now + lease, due)

    def _times(self, provider: str, course: PollCandidate, now: datetime) -> PollTimes:
        interval = self._interval(provider)
        alone = interval.next_at(now, course.changed_at, course.due_at, self._jitter())
        return PollTimes(None if course.settled else alone, interval.next_followed_at(now, self._jitter()))

    def _interval(self, provider: str) -> PollingInterval:
        return PollingInterval.of(self._directory.get(provider).settings)
