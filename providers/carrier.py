"""How a call travels: what carries it, what comes back, and how that fails.

What goes wrong on the way is told without words of what was sent: an address may be secret too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

Body = bytes | AsyncIterator[bytes]


class Lost(Exception):
    """No answer came, or only a part of one: the connection broke."""


class Unreached(Lost):
    """There is no connection: nothing was sent."""


class Late(Lost):
    """Nothing went on for too long."""


class Garbled(Lost):
    """What came cannot be decompressed."""


class Answer(Protocol):
    """An answer whose body is still to be read. Header names match in any case."""

    @property
    def status(self) -> int:
        """Its HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""

    def whole(self) -> bytes | None:
        """All of its body, where that is here already and was not compressed."""

    async def read(self) -> bytes:
        """The next piece of its body, decompressed; nothing at the end. Raises ``Lost``."""

    def close(self) -> None:
        """Ends the connection, unless the body has been read to its end."""


class Carrier(Protocol):
    """Carries calls. What it carries is sent at most once, and no redirect is followed."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None, patience: float | None = None
    ) -> Answer:
        """The beginning of the answer, to be closed, if it comes within so many seconds. Raises ``Lost``."""

    async def close(self) -> None:
        """Closes every connection."""
