"""Which kind of answer a client would rather have, by its Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

EVENTS: Final = "text/event-stream"
JSON: Final = "application/json"
GRAPHQL: Final = "application/graphql-response+json"
_LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """How much a client wants each kind of answer: 0 for not at all, at most 1."""

    events: float
    json: float
    graphql: float

    @property
    def streams(self) -> bool:
        """Whether it would rather have a stream of events, of whatever it asks."""
        return self.events > max(self.json, self.graphql)

    @property
    def graphql_rather(self) -> bool:
        """Whether it knows the newer media type, and does not like the older one more."""
        return self.graphql > 0 and self.graphql >= self.json


@lru_cache(256)
def accepted(header: bytes | None) -> Accepted:
    """What a header says. One that only says ``*/*``, or nothing, is of before the newer media type."""
    text = (header or b"*/*").decode("latin-1")[:_LONGEST]
    ranges = dict(_range(each) for each in text.split(",") if each.strip())

    def weight(kind: str, *, named: bool = False) -> float:
        for known in (kind,) if named else (kind, f"{kind.partition('/')[0]}/*", "*/*"):
            if known in ranges:
                return ranges[known]
        return 0.0

    return Accepted(weight(EVENTS), weight(JSON), weight(GRAPHQL, named=True))


def _range(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
    try:
        return kind, min(1.0, max(0.0, float(quality)))
    except ValueError:
        return kind, 0.0
