"""From credentials to a viewer. What was found to hold is remembered until it ends: a request costs a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.auth.api_key import ApiKeys
from gateway.auth.client_address import Addresses
from gateway.auth.quota import Allowance
from gateway.auth.refusal import Unauthenticated, expired
from gateway.auth.token import Tokens
from gateway.auth.viewer import NOBODY, Viewer
from gateway.config import Settings
from providers.clock import Clock
from providers.lru import LruCache

_SCHEME: Final = "bearer "
_LONGEST: Final = 8_192
_REMEMBERED: Final = 10_000
_MISSING: Final = "Send credentials: Authorization: Bearer, with a token or a key of this gateway."
_ENDED: Final = "These credentials have ended. Send new ones."


class Authentication:
    """Says who somebody is. Without any configuration everybody is nobody, who may do everything.

    Whoever it is spends one operation of their ``allowance``. An address that fails too often is not listened to, but for
    what is known already and for keys, which nobody guesses: whoever shares it with somebody bad goes on.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.required = settings.authentication.configured
        self.allowance = Allowance(settings.rates, clock)
        self._addresses = Addresses(settings.server.trusted_proxies)
        self._keys = ApiKeys(settings.authentication.keys)
        self._tokens = Tokens(settings.authentication, clock)
        self._clock = clock
        self._known: LruCache[str, Viewer] = LruCache(_REMEMBERED)

    def recognized(self, authorization: str | None) -> Viewer | None:
        """Who sends this header, as far as that is known without asking anybody; None where ``viewer`` has to say.

        Raises ``TooMany``.
        """
        if not self.required:
            return NOBODY
        found = self._known.get(authorization or "")
        if found is None or found.expired(self._clock.now()):
            return None
        self.allowance.spend(found)
        return found

    async def viewer(self, authorization: str | None, whence: Callable[[], str]) -> Viewer:
        """Who sends this header, from an address that is only asked for where it matters.

        Raises ``Unauthenticated`` and ``TooMany``.
        """
        if (known := self.recognized(authorization)) is not None:
            return known
        found = self._known.get(authorization or "") or await self._met(authorization, whence)
        if found.expired(self._clock.now()):
            self._known.discard(authorization or "")
            raise expired(_ENDED)
        self.allowance.spend(found)
        return found

    def spend(self, viewer: Viewer) -> None:
        """One more operation of somebody who was let in. Raises ``TooMany``."""
        if self.required:
            self.allowance.spend(viewer)

    def hold(self, viewer: Viewer, size: int) -> None:
        """Counts the characters of an operation that a live connection of somebody carries. Raises ``TooMany``."""
        if self.required:
            self.allowance.hold(viewer, size)

    def let_go(self, viewer: Viewer, size: int) -> None:
        """That operation has ended."""
        if self.required:
            self.allowance.let_go(viewer, size)

    def address(self, scope: Mapping[str, Any]) -> str:
        """Whom a request comes from."""
        return self._addresses.of(scope) if self.required else ""

    async def close(self) -> None:
        """Closes the connection to whoever says which keys are good."""
        await self._tokens.close()

    async def _met(self, authorization: str | None, whence: Callable[[], str]) -> Viewer:
        """Somebody who was not here before, or whose credentials were forgotten."""
        try:
            credentials = _credentials(authorization)
            found = self._keys.viewer(credentials)
            if found is None:
                self.allowance.heed(whence())
                found = await self._tokens.viewer(credentials)
        except Unauthenticated:
            self.allowance.fail(whence())
            raise
        self._known.put(authorization or "", found)
        return found


def _credentials(authorization: str | None) -> str:
    if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME or len(authorization) > _LONGEST:
        raise Unauthenticated(_MISSING)
    return authorization[len(_SCHEME) :].strip()
