"""Events: the webhook envelope of Signicat Events. Fields whose content is not public are made up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

COMPLETED, PACKAGED = "signing-session.completed", "package.completed"
REJECTED = "signing-session.rejected"
"""Not a published name: no public receiver handles an event for a rejection."""
_LIFETIME = timedelta(seconds=30)


def envelope(name: str, data: Mapping[str, str], now: datetime) -> tuple[bytes, datetime]:
    """The body of an event, and when it expires."""
    expires_at = now + _LIFETIME
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
    """Formats an instant with seven fractional digits, as the vendor does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
