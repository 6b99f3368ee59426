"""Content negotiation: the media type of the response by a request's Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

EVENTS: Final = "text/event-stream"
JSON: Final = "application/json"
GRAPHQL: Final = "application/graphql-response+json"
_MAX_HEADER: Final = 2_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """The quality of each media type, from 0 (not accepted) to 1."""

    events: float
    json: float
    graphql: float

    @property
    def prefers_events(self) -> bool:
        """Whether the client prefers server-sent events, also for a single response."""
        return self.events > max(self.json, self.graphql)

    @property
    def prefers_graphql(self) -> bool:
        """Whether the client accepts application/graphql-response+json no less than application/json."""
        return self.graphql > 0 and self.graphql >= self.json


@lru_cache(256)
def accepted(header: bytes | None) -> Accepted:
    """Parses a header. A client that accepts ``*/*``, or sends none, is answered with the older media type."""
    text = (header or b"*/*").decode("latin-1")[:_MAX_HEADER]
    ranges = dict(_media_range(each) for each in text.split(",") if each.strip())

    def quality(kind: str, *, named: bool = False) -> float:
        for media_range in (kind,) if named else (kind, f"{kind.partition('/')[0]}/*", "*/*"):
            if media_range in ranges:
                return ranges[media_range]
        return 0.0

    return Accepted(quality(EVENTS), quality(JSON), quality(GRAPHQL, named=True))


def _media_range(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
    try:
        return kind, min(1.0, max(0.0, float(quality)))
    except ValueError:
        return kind, 0.0
