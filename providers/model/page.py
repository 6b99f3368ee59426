"""Pages of a provider's session list, whose stated totals may be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from providers.model.reference import UnreadableRow
from providers.model.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """Row of a provider's list. Its payload is decoded by ``read`` only where it has changed."""

    key: str
    native: bytes = field(repr=False)
    read: Callable[[], Session]

    @classmethod
    def from_session(cls, session: Session) -> ListRow:
        """The row of a session that is decoded already."""
        return cls(key=session.key, native=session.native, read=lambda: session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Page of a provider's list, newest first.

    ``total`` is the length of the whole list, where the provider states it; ``next_offset`` is where the next page begins,
    None at the end. ``unreadable`` are rows that could not be decoded.
    """

    rows: tuple[ListRow, ...]
    total: int | None
    next_offset: int | None
    unreadable: tuple[UnreadableRow, ...] = ()

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All rows, decoded."""
        return tuple(row.read() for row in self.rows)


def next_offset(offset: int, rows: int, limit: int, total: int | None) -> int | None:
    """The offset of the next page, None at the end: by the stated total, unless the rows contradict it.

    A page without rows ends a list whatever the total, and a full page beyond the total does not end it.
    """
    end = offset + rows
    more = rows >= limit if total is None or total < end else end < total
    return end if rows and more else None
