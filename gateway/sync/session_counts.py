"""Session counts of a provider: the gateway's, which every list agrees with, and the provider's own statistic beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.directory import Connected
from gateway.store.session_state.unreadable import parse_enum
from providers.capability import Operation
from providers.errors import SigningError
from providers.model import SessionStatus, Statistics


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """How many sessions a list would show in each status, ``as_of`` when the provider's list was last read.

    ``own`` is what the provider says of itself; None where it keeps no statistic, or does not answer.
    """

    by_status: Mapping[SessionStatus, int]
    as_of: datetime
    own: Statistics | None


def shown(tally: Mapping[str, int]) -> dict[SessionStatus, int]:
    """The counts of a tally, without deleted sessions, which no list shows unless it is asked for them."""
    counts: Counter[SessionStatus] = Counter()
    for word, count in tally.items():
        counts[parse_enum(SessionStatus, word, SessionStatus.UNKNOWN)] += count
    return {status: count for status, count in sorted(counts.items()) if status is not SessionStatus.DELETED}


async def own_statistics(provider: Connected) -> Statistics | None:
    """The provider's own statistic, which is no reason to fail where everything else is known."""
    if not provider.can(Operation.STATISTICS):
        return None
    try:
        return await provider.adapter.fetch_statistics()
    except SigningError:
        return None
