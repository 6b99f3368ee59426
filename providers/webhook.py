"""What a provider says by itself: how a delivery is proven to be its own, and what it may say. Never more than a hint."""

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
_SHORTEST, _MOST = 8, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What one delivery says: something has happened to a session, which has to be read to know what.

    ``session_key`` is the provider's own, perhaps of a part of one of our sessions; None where it names none.
    """

    id: str | None = None
    event_name: str | None = None
    session_key: str | None = None
    timestamp: datetime | None = None
    expires_at: datetime | None = None


class WebhookSettings(BaseModel):
    """The ``webhook`` table of a provider: how its deliveries are proven genuine.

    ``scheme`` is what the ``header`` holds: an HMAC-SHA256 over the raw body in hexadecimal (perhaps behind ``sha256=``)
    or in base64, or one of the ``secrets`` itself, perhaps behind ``Bearer``. There are two secrets while they are
    rotated; without any, nothing is taken. ``window`` is how many seconds a delivery's own time may lie before or after
    ours, so that an old one cannot be sent again; it is signed along with the body, unless the scheme is ``secret``.
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
        if len(secrets) > _MOST:
            raise ValueError(f"has more than {_MOST} secrets. Keep the present one, and the next while they are rotated")
        if any(len(secret.get_secret_value().strip()) < _SHORTEST for secret in secrets):
            raise ValueError(f"has a secret that is too short. Write at least {_SHORTEST} characters")
        return secrets

    @property
    def configured(self) -> bool:
        """Whether anything can be verified."""
        return bool(self.secrets)

    def is_authentic(self, headers: Iterable[tuple[str, str]], body: bytes) -> bool:
        """Whether someone who knows one of the secrets has sent this body. Every secret is tried to its end."""
        given = [value for name, value in headers if name.lower() == self.header.lower()]
        proof = _bare(self.scheme, given[0] if len(given) == 1 else "")
        matches = [hmac.compare_digest(_bare(self.scheme, sign(self.scheme, secret, body)), proof) for secret in self.secrets]
        return any(matches) and proof != b""

    def is_within_replay_window(self, timestamp: datetime | None, now: datetime) -> bool:
        """Whether a delivery of this time is neither too old nor from the future. One that states none is not."""
        return timestamp is not None and abs(now - timestamp) <= timedelta(seconds=self.window)


def sign(scheme: Scheme, secret: SecretStr, body: bytes) -> str:
    """What the header of a genuine delivery holds."""
    key = secret.get_secret_value().encode()
    match scheme:
        case "secret":
            return secret.get_secret_value()
        case "hmac-sha256-hex":
            return hmac.digest(key, body, hashlib.sha256).hex()
        case "hmac-sha256-base64":
            return base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()


def _bare(scheme: Scheme, value: str) -> bytes:
    """A proof without what may stand before it; hexadecimal in lower case."""
    prefix = "bearer " if scheme == "secret" else "sha256="
    bare = value.strip(" \t")
    bare = bare[len(prefix) :].lstrip(" ") if bare[: len(prefix)].lower() == prefix else bare
    return (bare.lower() if scheme == "hmac-sha256-hex" else bare).encode()
