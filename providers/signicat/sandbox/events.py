"""The envelope in which Signicat Events tells what has happened. Where a field's content is not public, it is made up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

COMPLETED, PACKAGED = "signing-session.completed", "package.completed"
REJECTED = "signing-session.rejected"
"""Not a published name: no public receiver knows one for a rejection."""
_LIFE = timedelta(seconds=30)


def envelope(name: str, data: Mapping[str, str], now: datetime) -> tuple[bytes, datetime]:
    """An event as it is posted, and when it is no longer."""
    expires_at = now + _LIFE
    fields: dict[str, object] = {
        "id": str(uuid4()),
        "timestamp": _instant(now),
        "sender": "sign",
        "eventName": name,
        "eventData": data,
        "accountId": "a-sandbox",
        "organizationId": None,
        "expiresAt": _instant(expires_at),
        "tags": [],
    }
    return json.dumps(fields).encode(), expires_at


def _instant(at: datetime) -> str:
    """With seven fractional digits, as they write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
