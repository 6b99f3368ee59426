"""List freshness: how old each provider's part of a list is, why it is not fresher, and which rows could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.cache.single_flight import SingleFlight
from gateway.store import ListCheckpoint, Store
from providers.clock import Clock
from providers.errors import AuthorizationRequired, Busy, Forbidden, SigningError, TimedOut
from providers.model import Page, UnreadableRow

MAX_UNREADABLE: Final = 20
"""Unreadable rows that are named."""
_MAX_KEY: Final = 200
_CHECKPOINT_TTL: Final = 0.25


class SourceOutcome(StrEnum):
    """Outcome of refreshing a provider's list."""

    FRESH = "FRESH"
    STALE = "STALE"
    UNAVAILABLE = "UNAVAILABLE"
    TIMED_OUT = "TIMED_OUT"
    UNAUTHORIZED = "UNAUTHORIZED"


@dataclass(frozen=True, slots=True)
class SourceReport:
    """Freshness of one provider's part of a list: ``problem`` is why it is not fresher."""

    provider: str
    outcome: SourceOutcome
    as_of: datetime | None = None
    problem: SigningError | None = None
    unreadable: tuple[UnreadableRow, ...] = ()


def outcome_of(error: SigningError) -> SourceOutcome:
    """The outcome of a refresh that has failed."""
    match error:
        case AuthorizationRequired() | Forbidden():
            return SourceOutcome.UNAUTHORIZED
        case SigningError(status=403):
            return SourceOutcome.UNAUTHORIZED
        case TimedOut():
            return SourceOutcome.TIMED_OUT
        case Busy():
            return SourceOutcome.STALE
        case _:
            return SourceOutcome.UNAVAILABLE


class UnreadableRows:
    """Collects the rows that one walk could not read. Rows that were named ``before`` stay until they are read."""

    def __init__(self, before: Iterable[UnreadableRow] = ()) -> None:
        self._rows = {_identity(row): row for row in before}
        self._of_this_walk: set[str] = set()
        self.reached_end = False
        """Whether the last page of the list was read."""

    def __len__(self) -> int:
        return len(self._rows)

    def record_page(self, page: Page) -> None:
        """Records which rows of a page could be decoded, and which could not."""
        self.reached_end = page.next_offset is None
        for row in page.rows:
            self.record_readable(row.key)
        for unreadable in page.unreadable:
            self._add(unreadable)

    def record_readable(self, key: str) -> None:
        """Records that a session could be read."""
        self._rows.pop(key, None)

    def record_failure(self, key: str, error: SigningError) -> None:
        """Records that a session could not be read."""
        self._add(UnreadableRow(key[:_MAX_KEY], error.message))

    def named(self, *, whole: bool) -> tuple[UnreadableRow, ...]:
        """The first of the rows; after a walk through the ``whole`` list, those of earlier walks are not among them."""
        rows = [row for identity, row in self._rows.items() if not whole or identity in self._of_this_walk]
        return tuple(rows[:MAX_UNREADABLE])

    def _add(self, row: UnreadableRow) -> None:
        self._rows[_identity(row)] = row
        self._of_this_walk.add(_identity(row))


def _identity(row: UnreadableRow) -> str:
    return row.reason if row.key is None else row.key


class CheckpointCache:
    """Caches for a quarter of a second how far each list was read, as the store has it: there it can only be fresher."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._checkpoints = store.checkpoints
        self._clock = clock
        self._cached: dict[str, tuple[ListCheckpoint, float]] = {}
        self._reads: SingleFlight[ListCheckpoint] = SingleFlight()

    def get(self, provider: str) -> ListCheckpoint | None:
        """The checkpoint of a provider's list; None where it is not cached."""
        checkpoint, read_at = self._cached.get(provider, (None, 0.0))
        return None if self._clock.monotonic() - read_at > _CHECKPOINT_TTL else checkpoint

    def last(self, provider: str) -> ListCheckpoint | None:
        """The checkpoint that was cached last, however old."""
        cached = self._cached.get(provider)
        return cached[0] if cached else None

    async def read(self, provider: str) -> ListCheckpoint:
        """The checkpoint as the store has it; an empty one where the list was never read."""
        return await self._reads.do(provider, lambda: self._read(provider))

    def put(self, provider: str, checkpoint: ListCheckpoint) -> None:
        """Caches a checkpoint of a walk that has ended now."""
        self._cached[provider] = (checkpoint, self._clock.monotonic())

    def discard(self, provider: str) -> None:
        """Forgets a checkpoint: the stored one has changed."""
        self._cached.pop(provider, None)

    async def _read(self, provider: str) -> ListCheckpoint:
        checkpoint = await self._checkpoints.get(provider) or ListCheckpoint()
        self.put(provider, checkpoint)
        return checkpoint
