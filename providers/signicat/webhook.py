"""What Signicat Events posts: an envelope, of which we believe that something has happened to a session."""

from __future__ import annotations

import msgspec

from providers.decoding.coercion import parse_instant
from providers.decoding.json import MALFORMED, decode
from providers.errors import Invalid
from providers.signicat.wire import Envelope, EventData
from providers.webhook import Hint


def hint(body: bytes) -> Hint:
    """What an event says. Raises ``Invalid`` for a body that is no envelope."""
    try:
        envelope = decode(body, Envelope)
    except MALFORMED as error:
        raise Invalid(
            "This body is no event of Signicat: it should be a JSON object with id, timestamp and eventData."
        ) from error
    return Hint(
        id=_word(envelope.id),
        event_name=_word(envelope.event_name),
        session_key=_session_key(envelope.event_data),
        timestamp=parse_instant(envelope.timestamp),
        expires_at=parse_instant(envelope.expires_at),
    )


def _word(value: object) -> str | None:
    """A text that says something, also where it is written as a number."""
    return str(value) if value and isinstance(value, str | int) and not isinstance(value, bool) else None


def _session_key(data: msgspec.Raw) -> str | None:
    """Events of the same account may be about anything, in any shape."""
    try:
        found = decode(bytes(data), EventData)
    except MALFORMED:
        return None
    return found.id or found.capital_id or None
