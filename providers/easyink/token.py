"""The token of the person for whom the gateway acts at EasyInk."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from pydantic import SecretStr

from providers.clock import Clock
from providers.errors import AuthorizationRequired
from providers.http.credentials import AuthHeaders, Token

REMEDY = "let a person authorize the gateway, or set access_token"


class PersonalToken:
    """A token that was given and cannot be renewed without the person it belongs to."""

    def __init__(self, provider: str, clock: Clock, value: SecretStr | None = None) -> None:
        self._provider = provider
        self._clock = clock
        self._proof = None if value is None else AuthHeaders.bearer(value)
        self._expires_at = None if value is None else expiry(value)
        self._refused = False

    @property
    def given(self) -> bool:
        """Whether there is one."""
        return self._proof is not None

    @property
    def expires_at(self) -> datetime | None:
        """When it ends; None where nobody said."""
        return self._expires_at

    @property
    def refused(self) -> bool:
        """Whether EasyInk has refused it."""
        return self._refused

    def use(self, token: Token) -> None:
        """Uses another from now on. When it ends is taken from itself, else from what was said when it was given."""
        ends_at = expiry(token.value)
        if ends_at is None and token.expires_in is not None:
            ends_at = self._clock.now() + timedelta(seconds=token.expires_in)
        self._proof, self._expires_at, self._refused = AuthHeaders.bearer(token.value), ends_at, False

    def headers(self) -> Mapping[str, str]:
        """The Authorization header. Raises ``AuthorizationRequired`` where nobody gave a token."""
        if self._proof is None:
            raise AuthorizationRequired(f"{self._provider} needs the token of a person: {REMEDY}.", provider=self._provider)
        return self._proof

    async def refresh(self, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """EasyInk gives no refresh token: only one that was given in the meantime has a chance."""
        if self._proof is not None and self._proof != rejected:
            return self._proof
        self._refused = self._proof is not None
        return {}


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
