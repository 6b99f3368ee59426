"""References: a session by provider and key, and a row or part that could not be read."""

from __future__ import annotations

from typing import NamedTuple


class SessionRef(NamedTuple):
    """Which session: the configured name of a provider, and the session's key there.

    A tuple, as one is looked up by it a dozen times for each request.
    """

    provider: str
    key: str


class UnreadableRow(NamedTuple):
    """A row of a list, or a part of a session, that could not be read: its key where that is known, and why."""

    key: str | None
    reason: str
