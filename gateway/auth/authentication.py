"""Authentication: from an ``Authorization`` header to a viewer. Verified credentials are cached until they expire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.auth.api_key import ApiKeys
from gateway.auth.client_address import Addresses
from gateway.auth.rate_limits import Quota
from gateway.auth.refusal import Unauthenticated, expired
from gateway.auth.token import AccessTokens
from gateway.auth.viewer import NOBODY, Viewer
from gateway.cache.shared_cache import SharedCache
from gateway.config import Settings
from providers.clock import Clock
from providers.lru import LruCache

_SCHEME: Final = "bearer "
_MAX_HEADER: Final = 8_192
_MAX_CACHED: Final = 10_000
_MISSING: Final = "Send credentials: Authorization: Bearer, with a token or a key of this gateway."
_ENDED: Final = "These credentials have ended. Send new ones."


class Authentication:
    """Authenticates requests, and spends one operation of the viewer's ``quota``. Unconfigured, everybody is ``NOBODY``.

    An address that fails too often is blocked, but not for cached credentials and for keys, which nobody guesses: a viewer
    that shares the address with an attacker goes on.
    """

    def __init__(self, settings: Settings, shared: SharedCache, clock: Clock) -> None:
        self.required = settings.authentication.configured
        self.quota = Quota(settings.rates, clock)
        self._addresses = Addresses(settings.server.trusted_proxies)
        self._keys = ApiKeys(settings.authentication.keys)
        self._tokens = AccessTokens(settings.authentication, clock, shared)
        self._clock = clock
        self._viewers: LruCache[str, Viewer] = LruCache(_MAX_CACHED)

    def cached_viewer(self, authorization: str | None) -> Viewer | None:
        """The viewer of this header, where its credentials are cached; None where ``authenticate`` has to verify them.

        Raises ``TooMany``.
        """
        if not self.required:
            return NOBODY
        viewer = self._viewers.get(authorization or "")
        if viewer is None or viewer.expired(self._clock.now()):
            return None
        self.quota.spend(viewer)
        return viewer

    async def authenticate(self, authorization: str | None, address: Callable[[], str]) -> Viewer:
        """The viewer of this header. ``address`` gives the client's, which is only needed where credentials are not cached.

        Raises ``Unauthenticated`` and ``TooMany``.
        """
        if (cached := self.cached_viewer(authorization)) is not None:
            return cached
        viewer = self._viewers.get(authorization or "") or await self._verify(authorization, address)
        if viewer.expired(self._clock.now()):
            self._viewers.discard(authorization or "")
            raise expired(_ENDED)
        self.quota.spend(viewer)
        return viewer

    def spend(self, viewer: Viewer) -> None:
        """Spends one more operation of a viewer. Raises ``TooMany``."""
        if self.required:
            self.quota.spend(viewer)

    def reserve(self, viewer: Viewer, size: int) -> None:
        """Reserves the characters of an operation on a live connection. Raises ``TooMany``."""
        if self.required:
            self.quota.reserve(viewer, size)

    def release(self, viewer: Viewer, size: int) -> None:
        """Releases the characters of an operation that has ended."""
        if self.required:
            self.quota.release(viewer, size)

    def address(self, scope: Mapping[str, Any]) -> str:
        """The client's address of an ASGI scope."""
        return self._addresses.of(scope) if self.required else ""

    async def close(self) -> None:
        """Closes the connections to the token issuer."""
        await self._tokens.close()

    async def _verify(self, authorization: str | None, address: Callable[[], str]) -> Viewer:
        """Verifies credentials that are not cached, and caches their viewer. A failure counts against the address."""
        try:
            credentials = _credentials(authorization)
            viewer = self._keys.viewer(credentials)
            if viewer is None:
                self.quota.require_not_blocked(address())
                viewer = await self._tokens.viewer(credentials)
        except Unauthenticated:
            self.quota.record_failure(address())
            raise
        self._viewers.put(authorization or "", viewer)
        return viewer


def _credentials(authorization: str | None) -> str:
    if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME or len(authorization) > _MAX_HEADER:
        raise Unauthenticated(_MISSING)
    return authorization[len(_SCHEME) :].strip()
