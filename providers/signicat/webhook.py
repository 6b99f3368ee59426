"""Webhook: decodes events of Signicat Events into hints that a session has changed."""

from __future__ import annotations

import msgspec

from providers.decoding.coercion import parse_instant
from providers.decoding.json import MALFORMED, decode
from providers.errors import Invalid
from providers.signicat.wire import Envelope, EventData
from providers.webhook import Hint


def decode_hint(body: bytes) -> Hint:
    """Decodes an event. Raises ``Invalid`` for a body that is no envelope."""
    try:
        envelope = decode(body, Envelope)
    except MALFORMED as error:
        raise Invalid(
            "This body is no event of Signicat: it should be a JSON object with id, timestamp and eventData."
        ) from error
    return Hint(
        id=_text(envelope.id),
        event_name=_text(envelope.event_name),
        session_key=_session_key(envelope.event_data),
        timestamp=parse_instant(envelope.timestamp),
        expires_at=parse_instant(envelope.expires_at),
    )


def _text(value: object) -> str | None:
    """A non-empty text, also where it is written as a number; None for anything else."""
    return str(value) if value and isinstance(value, str | int) and not isinstance(value, bool) else None


def _session_key(data: msgspec.Raw) -> str | None:
    """The key of the session, None where there is none: events of the account may have any subject, in any shape."""
    try:
        subject = decode(bytes(data), EventData)
    except MALFORMED:
        return None
    return subject.id or subject.capital_id or None
