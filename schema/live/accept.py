"""Which kind of answer a client would rather have, by its Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from typing import Final

EVENTS: Final = "text/event-stream"
_JSON: Final = ("application/json", "application/graphql-response+json")


def weights(accept: str | None) -> tuple[float, float]:
    """How much a client wants an event stream, and how much JSON: 0 for not at all, at most 1."""
    ranges = dict(_range(each) for each in (accept or "*/*").split(",") if each.strip())

    def weight(kind: str) -> float:
        for known in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
            if known in ranges:
                return ranges[known]
        return 0.0

    return weight(EVENTS), max(map(weight, _JSON))


def _range(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
    try:
        return kind, min(1.0, max(0.0, float(quality)))
    except ValueError:
        return kind, 0.0
