"""API keys: 256 random bits, looked up by their SHA-256, so that the configuration holds no key."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from gateway.auth.viewer import Viewer
from gateway.config import ApiKeySettings

PREFIX: Final = "csk_"
"""The first characters of every key, for secret scanners to find."""


def generate() -> str:
    """A new key, of 256 random bits: a plain digest of so many is as good as a slow one."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """SHA-256 of a key, in hexadecimal, as the configuration has it."""
    return hashlib.sha256(key.encode()).hexdigest()


class ApiKeys:
    """The viewers of the configured keys, by digest: the time that a lookup takes says nothing about any key."""

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
        """The viewer of a key; None where it is none of these."""
        return self._viewers.get(digest(credentials)) if credentials.startswith(PREFIX) else None
