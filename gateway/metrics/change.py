"""What a change of a session counts as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.metrics.tally import CREATED, Tally
from providers.change import Change, ChangeType
from providers.model import DocumentStatus, ParticipantStatus, Session, SessionStatus

NEWS: Final = timedelta(hours=1)
"""A session that is older than this when it is first seen is history: neither its beginning nor its end is counted."""
_LASTING: Final = frozenset({ChangeType.STATUS_CHANGED, ChangeType.CORRECTED, ChangeType.DELETED})
_NOTHING: Final = timedelta(0)


def count(tally: Tally, known: Session | None, seen: Session, changes: Sequence[Change], now: datetime) -> None:
    """Counts what has come of a session between two of its states."""
    tally.unknown += len(_unknown_words(seen) - (_unknown_words(known) if known else set()))
    if known is None:
        if seen.created_at is None or now - seen.created_at <= NEWS:
            tally.became(CREATED)
            _ended(tally, seen, now)
        return
    for change in changes:
        if change.type not in _LASTING or change.to_status is known.status:
            continue
        if change.occurred_at is not None:
            tally.lag.add([max(now - change.occurred_at, _NOTHING).total_seconds()])
        if change.type is ChangeType.CORRECTED:
            tally.became(known.status.value, -1)
        if not (known.final and change.type is ChangeType.DELETED):
            _ended(tally, seen, now)


def _ended(tally: Tally, seen: Session, now: datetime) -> None:
    if not seen.final:
        return
    tally.became(seen.status.value)
    if seen.status is SessionStatus.COMPLETED and seen.created_at is not None:
        took = (seen.completed_at or now) - seen.created_at
        tally.completion.add([max(took, _NOTHING).total_seconds()])


def _unknown_words(session: Session) -> set[tuple[str, str]]:
    return set(_told_unknown(session))


def _told_unknown(session: Session) -> Iterator[tuple[str, str]]:
    """Where a provider says something of a status that we have no word for."""
    if session.status is SessionStatus.UNKNOWN and session.provider_status:
        yield "", session.provider_status
    for person in session.participants:
        if person.status is ParticipantStatus.UNKNOWN and person.provider_status:
            yield person.key, person.provider_status
    for document in session.documents:
        if document.status is DocumentStatus.UNKNOWN and document.provider_status:
            yield document.key, document.provider_status
