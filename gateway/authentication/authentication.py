"""From credentials to a viewer. What was found to hold is remembered until it ends: a request costs a look."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from gateway.authentication.api_key import ApiKeys
from gateway.authentication.refusal import Unauthenticated
from gateway.authentication.token import Tokens
from gateway.settings import AuthenticationSettings
from gateway.viewer import NOBODY, Viewer
from providers.clock import Clock

_SCHEME: Final = "bearer "
_LONGEST: Final = 8_192
_REMEMBERED: Final = 10_000
_MISSING: Final = "Send credentials: Authorization: Bearer, with a token or a key of this gateway."
_ENDED: Final = "These credentials have ended. Send new ones."


class Authentication:
    """Says who somebody is. Without any configuration everybody is nobody, who may do everything."""

    def __init__(self, settings: AuthenticationSettings, clock: Clock) -> None:
        self.required = settings.configured
        self._keys = ApiKeys(settings.keys)
        self._tokens = Tokens(settings, clock)
        self._clock = clock
        self._known: OrderedDict[str, Viewer] = OrderedDict()

    async def viewer(self, authorization: str | None) -> Viewer:
        """Who sends this header. Raises ``Unauthenticated``."""
        if not self.required:
            return NOBODY
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME or len(authorization) > _LONGEST:
            raise Unauthenticated(_MISSING)
        credentials = authorization[len(_SCHEME) :].strip()
        found = self._known.get(credentials)
        if found is None:
            found = self._keys.viewer(credentials) or await self._tokens.viewer(credentials)
            self._known[credentials] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        if found.expired(self._clock.now()):
            self._known.pop(credentials, None)
            raise Unauthenticated(_ENDED)
        return found

    async def close(self) -> None:
        """Closes the connection to whoever says which keys are good."""
        await self._tokens.close()
