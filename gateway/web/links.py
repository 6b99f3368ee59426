"""Signed download links: target and expiry in the URL, under an HMAC of our own key. They need no other credential."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Literal

import msgspec

from gateway.config import ServerSettings
from providers.clock import Clock
from providers.errors import Invalid, NotFound

_MIN_TTL, _MAX_TTL = timedelta(seconds=1), timedelta(days=1)


class Target(msgspec.Struct, frozen=True, array_like=True):
    """Target of a link, valid until ``until`` (seconds since 1970)."""

    kind: Literal["document", "signature"]
    provider: str
    session: str
    key: str
    until: int


@dataclass(frozen=True, slots=True)
class Link:
    """A URL that anyone who holds it can download from."""

    url: str
    expires_at: datetime


class Links:
    """Signs and verifies links."""

    def __init__(self, settings: ServerSettings, clock: Clock) -> None:
        secret = settings.secret.get_secret_value().encode() if settings.secret else secrets.token_bytes(32)
        self._key = hashlib.blake2b(secret, person=b"download-links").digest()
        self._url = settings.public_url
        self._clock = clock

    def make(self, kind: Literal["document", "signature"], provider: str, session: str, key: str, ttl: timedelta) -> Link:
        """Signs a link. Raises ``Invalid`` for a TTL out of bounds."""
        if not _MIN_TTL <= ttl <= _MAX_TTL:
            raise Invalid("A download link lasts between PT1S and P1D.", path=("expiresIn",))
        until = ceil((self._clock.now() + ttl).timestamp())
        body = msgspec.msgpack.encode(Target(kind, provider, session, key, until))
        return Link(f"{self._url}/documents/{_base64(self._sign(body) + body)}", datetime.fromtimestamp(until, UTC))

    def open(self, token: str) -> Target:
        """The target of a link. Raises ``NotFound`` for one that has expired, or has no signature of ours."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            mac, body = raw[:32], raw[32:]
            if (
                not hmac.compare_digest(mac, self._sign(body)) or _base64(raw) != token
            ):  # base64 decoding skips foreign characters
                raise NotFound("There is no such link. Ask for a new one.")
            target = msgspec.msgpack.decode(body, type=Target)
        except (Base64Error, ValueError, msgspec.MsgspecError):
            raise NotFound("There is no such link. Ask for a new one.") from None
        if target.until <= self._clock.now().timestamp():
            raise NotFound("This link has ended. Ask for a new one.")
        return target

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
