"""References: a session by provider and key, and a row or part that could not be read."""

from __future__ import annotations

from typing import NamedTuple


class SessionRef(NamedTuple):
    """Reference of a session: the configured name of its provider, and its key there.

    A tuple, as it is hashed a dozen times for each request.
    """

    provider: str
    key: str


class UnreadableRow(NamedTuple):
    """A row of a list, or a part of a session, that could not be read: its key, where it could be found, and the reason."""

    key: str | None
    reason: str
