"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SCOPES: Final = (
    "sessions:read",
    "sessions:write",
    "sessions:sign",
    "documents:read",
    "signatures:read",
    "providers:compare",
    "providers:authorize",
    "webhooks:admin",
    "native:read",
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who asks; ``subject`` is their name in the credentials they gave, None without any."""

    id: str
    subject: str | None
    scopes: frozenset[str]


NOBODY: Final = Viewer("anonymous", None, frozenset(SCOPES))
"""Whoever reaches a gateway without authentication, which listens on loopback only: may do everything."""
