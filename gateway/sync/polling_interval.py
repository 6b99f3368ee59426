"""How often a session is looked at: by who follows it, how long it has been quiet, and when it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from providers.settings import ProviderSettings

_SHORTEST_SHARE = 0.8
_FOLLOWED_SHARE = 0.9
_QUIET_SHARE = 0.1
_SLOWEST = 20
_AFTER_DUE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Cadence:
    """Seconds between two looks: ``interval`` at a session that has changed lately, ``followed`` while one is followed.

    One that has been quiet is looked at after a tenth of that time, at most twenty intervals. What is promised is the
    longest time: ``luck``, from 0 to 1, only ever shortens it, by up to a fifth, so that looks do not come all at once.
    Whoever follows one is promised to hear of a change within the time, so a tenth of it is left for the looking.
    """

    interval: float
    followed: float

    @classmethod
    def of(cls, settings: ProviderSettings) -> Cadence:
        """As a provider is configured. Nobody who follows a session waits longer than those who do not."""
        return cls(settings.poll_interval, min(settings.poll_interval_watched, settings.poll_interval))

    def soon(self, now: datetime, luck: float) -> datetime:
        """When to look after a change, or at a list."""
        return now + _shortened(self.interval, luck)

    def followed_at(self, now: datetime, luck: float) -> datetime:
        """When to look at a session that is followed."""
        return now + _shortened(self.followed * _FOLLOWED_SHARE, luck)

    def next_at(self, now: datetime, changed_at: datetime, due_at: datetime | None, luck: float) -> datetime:
        """When to look at a session that nobody follows: also right after it is due, which counts as a change."""
        if due_at is not None and changed_at < due_at <= now:
            changed_at = due_at
        quiet = (now - changed_at).total_seconds() * _QUIET_SHARE
        regular = now + _shortened(min(max(quiet, self.interval), self.interval * _SLOWEST), luck)
        return regular if due_at is None or due_at <= now else min(regular, due_at + _AFTER_DUE)


def _shortened(seconds: float, luck: float) -> timedelta:
    return timedelta(seconds=seconds * (_SHORTEST_SHARE + (1 - _SHORTEST_SHARE) * luck))
