"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

READ_SESSIONS: Final = "sessions:read"
WRITE_SESSIONS: Final = "sessions:write"
SIGN_SESSIONS: Final = "sessions:sign"
READ_DOCUMENTS: Final = "documents:read"
READ_SIGNATURES: Final = "signatures:read"
COMPARE_PROVIDERS: Final = "providers:compare"
AUTHORIZE_PROVIDERS: Final = "providers:authorize"
ADMINISTER_PROVIDERS: Final = "providers:admin"
ADMINISTER_WEBHOOKS: Final = "webhooks:admin"
READ_NATIVE: Final = "native:read"

SCOPES: Final = (
    READ_SESSIONS,
    WRITE_SESSIONS,
    SIGN_SESSIONS,
    READ_DOCUMENTS,
    READ_SIGNATURES,
    COMPARE_PROVIDERS,
    AUTHORIZE_PROVIDERS,
    ADMINISTER_PROVIDERS,
    ADMINISTER_WEBHOOKS,
    READ_NATIVE,
)
"""Names, addresses and numbers of people are read by ``sessions:read``, certificates by ``signatures:read``: no other scope
shows any of them, least of all ``providers:compare``."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who asks; ``subject`` is their name in the credentials they gave, None without any.

    ``providers`` are the only ones that are there for them, all where it is None. ``expires_at`` is when their credentials
    end.
    """

    id: str
    subject: str | None
    scopes: frozenset[str]
    providers: frozenset[str] | None = None
    expires_at: datetime | None = None

    def __hash__(self) -> int:
        """That of who it is and until when, which tells nearly all apart: all of it would be hashed anew each time."""
        return hash((self.id, self.expires_at))

    def expired(self, now: datetime) -> bool:
        """Whether their credentials have ended."""
        return self.expires_at is not None and self.expires_at <= now

    def renews(self, other: Viewer) -> bool:
        """Whether these are the same viewer's credentials, and allow the same: what was begun with the others may go on."""
        return (self.id, self.scopes, self.providers) == (other.id, other.scopes, other.providers)


NOBODY: Final = Viewer("anonymous", None, frozenset(SCOPES))
"""Whoever reaches a gateway without authentication, which listens on loopback only: may do everything."""
