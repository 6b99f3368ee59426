"""What Signicat Events posts: an envelope, of which we believe that something has happened to a session."""

from __future__ import annotations

import msgspec

from providers.errors import Invalid
from providers.signicat.wire import Envelope, EventData, instant
from providers.webhook import Hint

_envelope = msgspec.json.Decoder(Envelope)
_data = msgspec.json.Decoder(EventData)


def hint(body: bytes) -> Hint:
    """What an event says. Raises ``Invalid`` for a body that is no envelope."""
    try:
        envelope = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(
            "This body is no event of Signicat: it should be a JSON object with id, timestamp and eventData."
        ) from error
    return Hint(
        id=envelope.id or None,
        event_name=envelope.event_name or None,
        session_key=_session_key(envelope.event_data),
        timestamp=instant(envelope.timestamp),
        expires_at=instant(envelope.expires_at),
    )


def _session_key(data: msgspec.Raw) -> str | None:
    """Events of the same account may be about anything, in any shape."""
    try:
        found = _data.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found.id or found.capital_id or None
