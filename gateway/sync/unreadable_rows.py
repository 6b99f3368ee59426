"""Unreadable rows of one reading of a provider's list: collected, so that they are named and cost themselves alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from providers.errors import SigningError
from providers.model import Page, UnreadableRow

_LONGEST_KEY: Final = 200
MOST: Final = 20
"""So many are named."""


class UnreadableRows:
    """Collects the rows that one reading of a list could not read, and forgets those named ``before`` that it could."""

    def __init__(self, before: Iterable[UnreadableRow] = ()) -> None:
        self._rows = {_identity(row): row for row in before}
        self._now: set[str] = set()
        self.ended = False
        """Whether the last page of the list was turned."""

    def __len__(self) -> int:
        return len(self._rows)

    def turned(self, page: Page) -> None:
        """Notes a page of the list: which of its rows could be decoded, and which not."""
        self.ended = page.next_offset is None
        for row in page.rows:
            self.read(row.key)
        for unreadable in page.unreadable:
            self._add(unreadable)

    def read(self, key: str) -> None:
        """Notes that a session could be read."""
        self._rows.pop(key, None)

    def failed(self, key: str, error: SigningError) -> None:
        """Notes that a session could not be read."""
        self._add(UnreadableRow(key[:_LONGEST_KEY], error.message))

    def named(self, *, whole: bool) -> tuple[UnreadableRow, ...]:
        """The first of them; after a ``whole`` reading none of those that only an earlier one has seen."""
        rows = [row for identity, row in self._rows.items() if not whole or identity in self._now]
        return tuple(rows[:MOST])

    def _add(self, row: UnreadableRow) -> None:
        self._rows[_identity(row)] = row
        self._now.add(_identity(row))


def _identity(row: UnreadableRow) -> str:
    return row.reason if row.key is None else row.key
