"""Keys of programs: random, so that a plain digest of one is as good as the key is long."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from gateway.auth.viewer import Viewer
from gateway.config import ApiKeySettings

PREFIX: Final = "csk_"
"""How every key begins, for scanners of secrets to find."""


def made() -> str:
    """A new key, of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """What the configuration holds in a key's place."""
    return hashlib.sha256(key.encode()).hexdigest()


class ApiKeys:
    """The keys of the configuration, by their digests: how long a look takes says nothing about any key."""

    def __init__(self, keys: Sequence[ApiKeySettings]) -> None:
        self._viewers = {
            each.sha256: Viewer(
                id=f"key:{each.name}",
                subject=each.name,
                scopes=frozenset(each.scopes),
                providers=None if each.providers is None else frozenset(each.providers),
                expires_at=each.expires_at,
            )
            for each in keys
        }

    def viewer(self, credentials: str) -> Viewer | None:
        """Whose key this is, if it is one."""
        return self._viewers.get(digest(credentials)) if credentials.startswith(PREFIX) else None
