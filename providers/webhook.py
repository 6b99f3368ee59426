"""Webhooks of a provider: HMAC verification, replay window, and the hint that a delivery is reduced to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from providers.settings import validate_bounds

Scheme = Literal["hmac-sha256-hex", "hmac-sha256-base64", "secret"]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_MIN_SECRET_LENGTH, _MAX_SECRETS = 8, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Hint of one delivery: something has happened to a session, which has to be read to find out what.

    ``session_key`` is the provider's own, perhaps of a part of one of our sessions; None where the delivery has none.
    """

    id: str | None = None
    event_name: str | None = None
    session_key: str | None = None
    timestamp: datetime | None = None
    expires_at: datetime | None = None


class WebhookSettings(BaseModel):
    """The ``webhook`` table of a provider: how its deliveries are authenticated.

    ``scheme`` is the form of the ``header``: an HMAC-SHA256 over the raw body in hexadecimal (perhaps behind ``sha256=``)
    or in base64, or one of the ``secrets`` itself, perhaps behind ``Bearer``. There are two secrets during a rotation;
    without any, no delivery is accepted. ``window`` is the replay window: the seconds that a delivery's timestamp may differ
    from our time; it is signed along with the body, unless the scheme is ``secret``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    header: str = "X-Signature"
    scheme: Scheme = "hmac-sha256-hex"
    secrets: tuple[SecretStr, ...] = ()
    window: float = Field(default=300.0, gt=0, le=86_400)

    _bounded = field_validator("*")(validate_bounds)

    @field_validator("header")
    @classmethod
    def _token(cls, header: str) -> str:
        if not _TOKEN.fullmatch(header):
            raise ValueError("is no name of a header. Write one like X-Signature")
        return header

    @field_validator("secrets", mode="before")
    @classmethod
    def _separated(cls, secrets: object) -> object:
        return tuple(filter(None, map(str.strip, secrets.split(",")))) if isinstance(secrets, str) else secrets

    @field_validator("secrets")
    @classmethod
    def _usable(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if len(secrets) > _MAX_SECRETS:
            raise ValueError(f"has more than {_MAX_SECRETS} secrets. Keep the present one, and the next while they are rotated")
        if any(len(secret.get_secret_value().strip()) < _MIN_SECRET_LENGTH for secret in secrets):
            raise ValueError(f"has a secret that is too short. Write at least {_MIN_SECRET_LENGTH} characters")
        return secrets

    @property
    def configured(self) -> bool:
        """Whether there is a secret to verify deliveries with."""
        return bool(self.secrets)

    def is_authentic(self, headers: Iterable[tuple[str, str]], body: bytes) -> bool:
        """Whether the header authenticates this body by one of the secrets. All are compared, in constant time."""
        values = [value for name, value in headers if name.lower() == self.header.lower()]
        signature = _strip_prefix(self.scheme, values[0] if len(values) == 1 else "")
        matches = [
            hmac.compare_digest(_strip_prefix(self.scheme, sign(self.scheme, secret, body)), signature)
            for secret in self.secrets
        ]
        return any(matches) and signature != b""

    def is_within_replay_window(self, timestamp: datetime | None, now: datetime) -> bool:
        """Whether a timestamp is neither too old nor in the future; False where there is none."""
        return timestamp is not None and abs(now - timestamp) <= timedelta(seconds=self.window)


def sign(scheme: Scheme, secret: SecretStr, body: bytes) -> str:
    """The header value of an authentic delivery."""
    key = secret.get_secret_value().encode()
    match scheme:
        case "secret":
            return secret.get_secret_value()
        case "hmac-sha256-hex":
            return hmac.digest(key, body, hashlib.sha256).hex()
        case "hmac-sha256-base64":
            return base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()


def _strip_prefix(scheme: Scheme, value: str) -> bytes:
    """A signature without its optional prefix; hexadecimal in lower case."""
    prefix = "bearer " if scheme == "secret" else "sha256="
    bare = value.strip(" \t")
    bare = bare[len(prefix) :].lstrip(" ") if bare[: len(prefix)].lower() == prefix else bare
    return (bare.lower() if scheme == "hmac-sha256-hex" else bare).encode()
