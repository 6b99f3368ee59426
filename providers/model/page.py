"""Pages of a provider's session list, whose stated totals may be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from providers.model.reference import UnreadableRow
from providers.model.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """A row of a provider's list, by its payload. What it tells is read only where that is news."""

    key: str
    native: bytes = field(repr=False)
    read: Callable[[], Session]

    @classmethod
    def of(cls, session: Session) -> ListRow:
        """One that has been read."""
        return cls(key=session.key, native=session.native, read=lambda: session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A slice of a provider's list, newest first.

    ``total`` counts all rows of the list now, where the provider says so; ``next_offset`` is where the
    following slice begins, None at the end. ``unreadable`` are rows of it that could not be decoded.
    """

    rows: tuple[ListRow, ...]
    total: int | None
    next_offset: int | None
    unreadable: tuple[UnreadableRow, ...] = ()

    @property
    def sessions(self) -> tuple[Session, ...]:
        """What all rows tell."""
        return tuple(row.read() for row in self.rows)


def next_offset(offset: int, rows: int, limit: int, total: int | None) -> int | None:
    """The offset of the following page, None at the end: by the total that the provider states, unless its rows belie it.

    A page without rows ends a list whatever the total, and a full page beyond the total does not end it.
    """
    end = offset + rows
    more = rows >= limit if total is None or total < end else end < total
    return end if rows and more else None
