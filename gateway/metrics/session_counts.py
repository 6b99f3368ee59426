"""Session counts of a provider by status: the gateway's, which agree with its lists, and the provider's own statistic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.directory import ConnectedProvider
from gateway.store.engine.datatype import parse_enum
from providers.capability import Operation
from providers.errors import SigningError
from providers.model import SessionStatus, Statistics


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """Sessions by status, ``as_of`` when the provider's list was last read.

    ``own`` is the provider's own statistic; None where it has none, or does not answer.
    """

    by_status: Mapping[SessionStatus, int]
    as_of: datetime
    own: Statistics | None


def listed_counts(tally: Mapping[str, int]) -> dict[SessionStatus, int]:
    """Counts by status, without deleted sessions, which a list shows only on request."""
    counts: Counter[SessionStatus] = Counter()
    for word, count in tally.items():
        counts[parse_enum(SessionStatus, word, SessionStatus.UNKNOWN)] += count
    return {status: count for status, count in sorted(counts.items()) if status is not SessionStatus.DELETED}


async def own_statistics(provider: ConnectedProvider) -> Statistics | None:
    """Fetches the provider's own statistic; None where it has none, or fails."""
    if not provider.can(Operation.STATISTICS):
        return None
    try:
        return await provider.adapter.fetch_statistics()
    except SigningError:
        return None
