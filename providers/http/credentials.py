"""Authentication of calls: fixed headers, or a bearer token that one call refreshes for all that wait (single flight)."""

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
    """Headers that authenticate, made once for all calls. Their values are kept out of ``repr``."""

    def __repr__(self) -> str:
        return f"AuthHeaders({', '.join(self)})"

    @classmethod
    def bearer(cls, token: SecretStr) -> Self:
        """The Authorization header for a bearer token (RFC 6750)."""
        return cls(authorization=f"Bearer {token.get_secret_value()}")


class Auth(Protocol):
    """Authenticates the calls to one provider."""

    def headers(self) -> Mapping[str, str] | None:
        """Headers for the next call; None where ``refresh`` has to fetch them first."""

    async def refresh(self, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """Headers in place of the ``rejected`` ones, which were answered with 401; empty where there are no others."""


class HeaderAuth:
    """Fixed headers on every call, for keys that do not expire."""

    def __init__(self, headers: Mapping[str, SecretStr]) -> None:
        self._auth_headers = AuthHeaders({name: value.get_secret_value() for name, value in headers.items()})

    def headers(self) -> Mapping[str, str]:
        """The fixed headers."""
        return self._auth_headers

    async def refresh(self, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """Nothing: a fixed key that was rejected stays rejected."""
        return {}


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and its lifetime in seconds; None where the issuer states none."""

    value: SecretStr = field(repr=False)
    expires_in: float | None = None


class BearerAuth:
    """Bearer token, fetched when needed by one call for all that wait for it.

    It is refreshed ``early`` seconds before it expires (halfway through a shorter lifetime); ``default`` is the lifetime of
    one that states none.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[Token]], clock: Clock, *, early: float = 10.0, default: float = 300.0
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._early = early
        self._default = default
        self._lock = asyncio.Lock()
        self._headers: AuthHeaders | None = None
        self._refresh_at = 0.0

    def headers(self) -> Mapping[str, str] | None:
        """The Authorization header; None where the token is missing or about to expire."""
        return None if self._headers is None or self._clock.monotonic() >= self._refresh_at else self._headers

    async def refresh(self, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """Fetches a token, unless another call has already replaced the rejected one."""
        async with self._lock:
            current = self.headers()
            return current if current is not None and current != rejected else await self._fetch_token()

    async def _fetch_token(self) -> Mapping[str, str]:
        self._headers = None
        token = await self._fetch()
        lifetime = self._default if token.expires_in is None else token.expires_in
        self._refresh_at = self._clock.monotonic() + lifetime - min(self._early, lifetime / 2)
        self._headers = AuthHeaders.bearer(token.value)
        return self._headers


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
