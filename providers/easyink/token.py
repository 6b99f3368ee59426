"""The token of the person for whom the gateway acts at EasyInk."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from pydantic import SecretStr

from providers.errors import AuthorizationRequired

REMEDY = "let a person authorize the gateway, or set access_token"


class PersonalToken:
    """A token that was given and cannot be renewed without the person it belongs to."""

    def __init__(self, provider: str, value: SecretStr | None) -> None:
        self._provider = provider
        self._value = value

    async def headers(self) -> Mapping[str, str]:
        """The Authorization header. Raises ``AuthorizationRequired`` where nobody gave a token."""
        if self._value is None:
            raise AuthorizationRequired(f"{self._provider} needs the token of a person: {REMEDY}.", provider=self._provider)
        return {"authorization": f"Bearer {self._value.get_secret_value()}"}

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        """EasyInk gives no refresh token: one that was refused stays refused."""
        return False


class _Claims(msgspec.Struct):
    exp: float | None = None


def expiry(token: SecretStr) -> datetime | None:
    """When a token ends by its own ``exp`` claim, which is read and not verified; None for an opaque one."""
    parts = token.get_secret_value().split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        exp = msgspec.json.decode(payload, type=_Claims).exp
        return None if exp is None else datetime.fromtimestamp(exp, UTC)
    except (binascii.Error, ValueError, OverflowError, OSError):
        return None
