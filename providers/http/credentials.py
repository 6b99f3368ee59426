"""How calls prove who we are: fixed headers, or a bearer token that is renewed once for all who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol, Self

from msgspec import Meta
from pydantic import SecretStr

from providers.clock import Clock

BearerToken = Annotated[str, Meta(pattern=r"^[!-~]+\Z")]
"""A token as it may stand in a header (RFC 6750)."""


class AuthHeaders(dict[str, str]):
    """Headers that prove who we are, made once for all calls. What they say is shown to nobody."""

    def __repr__(self) -> str:
        return f"Proof({', '.join(self)})"

    @classmethod
    def bearer(cls, token: SecretStr) -> Self:
        """That we hold a token."""
        return cls(authorization=f"Bearer {token.get_secret_value()}")


class Auth(Protocol):
    """Proof of who we are, for one provider."""

    def headers(self) -> Mapping[str, str] | None:
        """Headers for the next call; None where ``renew`` has to fetch them first."""

    async def renew(self, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """Headers in place of these, which the provider answered with 401; none where others have no chance."""


class HeaderAuth:
    """The same headers on every call, for keys that do not expire."""

    def __init__(self, headers: Mapping[str, SecretStr]) -> None:
        self._proof = AuthHeaders({name: value.get_secret_value() for name, value in headers.items()})

    def headers(self) -> Mapping[str, str]:
        """The headers."""
        return self._proof

    async def renew(self, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """A fixed key that was refused stays refused."""
        return {}


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the seconds it is good for, None where nobody said."""

    value: SecretStr = field(repr=False)
    expires_in: float | None = None


class BearerAuth:
    """A token fetched when needed, by one call however many wait for it.

    It is replaced ``early`` seconds before it ends (halfway where it lives shorter than that); ``default`` is how
    long one lives that does not say so.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[Token]], clock: Clock, *, early: float = 10.0, default: float = 300.0
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._early = early
        self._default = default
        self._lock = asyncio.Lock()
        self._held: AuthHeaders | None = None
        self._until = 0.0

    def headers(self) -> Mapping[str, str] | None:
        """The Authorization header, where there is a token that is good for a while."""
        return None if self._held is None or self._clock.monotonic() >= self._until else self._held

    async def renew(self, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """Fetches a token, unless somebody has already done so since the rejected one."""
        async with self._lock:
            held = self.headers()
            return held if held is not None and held != rejected else await self._replace()

    async def _replace(self) -> Mapping[str, str]:
        self._held = None
        token = await self._fetch()
        life = self._default if token.expires_in is None else token.expires_in
        self._until = self._clock.monotonic() + life - min(self._early, life / 2)
        self._held = AuthHeaders.bearer(token.value)
        return self._held


class CredentialState(StrEnum):
    """Whether the provider accepts our credentials."""

    CONNECTED = "CONNECTED"
    AUTHORIZATION_REQUIRED = "AUTHORIZATION_REQUIRED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Credentials:
    """State of our credentials at a provider; ``expires_at`` where they end by themselves."""

    state: CredentialState
    expires_at: datetime | None = None
    note: str | None = None
