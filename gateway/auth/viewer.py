"""Viewer: the authenticated subject of a request, with its scopes and providers."""

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
    """Authenticated subject: ``subject`` is its name in the credentials, None without any.

    ``providers`` are the only ones that exist for it, all where it is None. ``expires_at`` is when the credentials expire.
    """

    id: str
    subject: str | None
    scopes: frozenset[str]
    providers: frozenset[str] | None = None
    expires_at: datetime | None = None

    def __hash__(self) -> int:
        """Hash of the identity and expiry, which tell nearly all apart: all fields would be hashed anew on each lookup."""
        return hash((self.id, self.expires_at))

    def expired(self, now: datetime) -> bool:
        """Whether the credentials have expired."""
        return self.expires_at is not None and self.expires_at <= now

    def renews(self, other: Viewer) -> bool:
        """Whether these are newer credentials of the same viewer with equal rights: what it has under way may go on."""
        return (self.id, self.scopes, self.providers) == (other.id, other.scopes, other.providers)


NOBODY: Final = Viewer("anonymous", None, frozenset(SCOPES))
"""Viewer of a gateway without authentication, which listens on loopback only: has every scope."""
