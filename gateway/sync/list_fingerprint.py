"""List fingerprints: remember each list's first page, so that an unchanged list is neither decoded nor compared again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from providers.clock import Clock
from providers.model import Page

_TTL: Final = 10.0
"""Seconds for which a fingerprint is valid: a gateway that dies during a walk leaves no event of what it has not observed."""


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    page: tuple[object, ...]
    version: Hashable
    at: float


class ListFingerprints:
    """First pages of walks that found no change, and needed no other page.

    While that page is the same, and the ``version`` of the store is, another walk would find no change either. ``version``
    changes with every write here, and with those of other gateways as far as the log was read.
    """

    def __init__(self, version: Callable[[], Hashable], clock: Clock) -> None:
        self.version = version
        self._clock = clock
        self._fingerprints: dict[str, _Fingerprint] = {}

    def has_recent(self, provider: str) -> bool:
        """Whether there is a valid fingerprint of a provider's list."""
        fingerprint = self._fingerprints.get(provider)
        return fingerprint is not None and self._clock.monotonic() - fingerprint.at < _TTL

    def matches(self, provider: str, page: Page) -> bool:
        """Whether a list with this first page is unchanged. A fingerprint that does not match is forgotten."""
        fingerprint = self._fingerprints.get(provider)
        if fingerprint is not None and fingerprint.version == self.version() and fingerprint.page == _content(page):
            return True
        self._fingerprints.pop(provider, None)
        return False

    def record(self, provider: str, page: Page | None, version: Hashable) -> None:
        """Records the page of a walk without changes, and the store's version of before it; None where others were needed."""
        if page is None:
            self._fingerprints.pop(provider, None)
        else:
            self._fingerprints[provider] = _Fingerprint(_content(page), version, self._clock.monotonic())


def _content(page: Page) -> tuple[object, ...]:
    return page.total, page.next_offset, page.unreadable, *((row.key, row.native) for row in page.rows)
