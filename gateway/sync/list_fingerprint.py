"""Walks through a provider's list that come to nothing, as most do."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from providers.clock import Clock
from providers.model import Page

_SURE_SECONDS: Final = 10.0
"""For so long a walk stands for those after it: another gateway that dies in the midst of one leaves no event of that."""


@dataclass(frozen=True, slots=True)
class _Walk:
    page: tuple[object, ...]
    mark: Hashable
    at: float


class Quiet:
    """Remembers of each list the page that was all there was to see, and that all of it was known.

    While that page is the same, and nothing has been written to the store, another walk would come to nothing either.
    ``mark`` says what was written here, and by others as far as the log was read.
    """

    def __init__(self, mark: Callable[[], Hashable], clock: Clock) -> None:
        self.mark = mark
        self._clock = clock
        self._walks: dict[str, _Walk] = {}

    def knows(self, provider: str) -> bool:
        """Whether the last walk, made a moment ago, has come to nothing."""
        walk = self._walks.get(provider)
        return walk is not None and self._clock.monotonic() - walk.at < _SURE_SECONDS

    def repeats(self, provider: str, page: Page) -> bool:
        """Whether this walk comes to what the last one came to. Otherwise that one is forgotten."""
        walk = self._walks.get(provider)
        if walk is not None and walk.mark == self.mark() and walk.page == _told(page):
            return True
        self._walks.pop(provider, None)
        return False

    def note(self, provider: str, page: Page | None, mark: Hashable) -> None:
        """A walk saw this page, and nothing but what was known; or none such. ``mark`` is that of before it began."""
        if page is None:
            self._walks.pop(provider, None)
        else:
            self._walks[provider] = _Walk(_told(page), mark, self._clock.monotonic())


def _told(page: Page) -> tuple[object, ...]:
    return page.total, page.next_offset, page.unreadable, *((row.key, row.native) for row in page.rows)
