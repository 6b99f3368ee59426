"""Session metrics: counts a change of a session by what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.metrics.tally import CREATED, Tally
from providers.model import DocumentStatus, ParticipantStatus, Session, SessionStatus
from providers.model.change import Change, ChangeType

_MAX_AGE: Final = timedelta(hours=1)
"""A session that is older than this when it is first seen is history: neither its creation nor its end is counted."""
_STATUS_CHANGES: Final = frozenset({ChangeType.STATUS_CHANGED, ChangeType.CORRECTED, ChangeType.DELETED})
_ZERO: Final = timedelta(0)


def count_change(tally: Tally, last: Session | None, seen: Session, changes: Sequence[Change], now: datetime) -> None:
    """Counts creation, end, status lag and unknown status words between two states of a session."""
    tally.unknown += len(_unknown_words(seen) - (_unknown_words(last) if last else set()))
    if last is None:
        if seen.created_at is None or now - seen.created_at <= _MAX_AGE:
            tally.count_sessions(CREATED)
            _count_end(tally, seen, now)
        return
    for change in changes:
        if change.type not in _STATUS_CHANGES or change.to_status is last.status:
            continue
        if change.occurred_at is not None:
            tally.lag.add([max(now - change.occurred_at, _ZERO).total_seconds()])
        if change.type is ChangeType.CORRECTED:
            tally.count_sessions(last.status.value, -1)
        if not (last.final and change.type is ChangeType.DELETED):
            _count_end(tally, seen, now)


def _count_end(tally: Tally, seen: Session, now: datetime) -> None:
    if not seen.final:
        return
    tally.count_sessions(seen.status.value)
    if seen.status is SessionStatus.COMPLETED and seen.created_at is not None:
        took = (seen.completed_at or now) - seen.created_at
        tally.completion.add([max(took, _ZERO).total_seconds()])


def _unknown_words(session: Session) -> set[tuple[str, str]]:
    return set(_unknown_statuses(session))


def _unknown_statuses(session: Session) -> Iterator[tuple[str, str]]:
    """The provider's status words that are mapped to UNKNOWN, with the part of the session that has them."""
    if session.status is SessionStatus.UNKNOWN and session.provider_status:
        yield "", session.provider_status
    for person in session.participants:
        if person.status is ParticipantStatus.UNKNOWN and person.provider_status:
            yield person.key, person.provider_status
    for document in session.documents:
        if document.status is DocumentStatus.UNKNOWN and document.provider_status:
            yield document.key, document.provider_status
