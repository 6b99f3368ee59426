"""JSON Web Tokens, signed by whoever the configuration trusts and meant for this gateway (RFC 7519, RFC 8725)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import jwt
import msgspec

from gateway.authentication.refusal import Unauthenticated
from gateway.authentication.signing_key import FetchedKeys, GivenKey
from gateway.settings import AuthenticationSettings
from gateway.viewer import SCOPES, Viewer
from providers.clock import Clock

_LEEWAY: Final = 30
"""Seconds by which clocks may differ."""
_REFUSED: Final = "This token does not hold here. Send one that was made for this gateway and has not ended."


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    exp: int | float
    nbf: int | float = 0
    scope: str = ""
    scp: list[str] | str = ""
    providers: list[str] | None = None


class Tokens:
    """Checks tokens. The algorithms are those of the configuration, whatever a token says of itself."""

    def __init__(self, settings: AuthenticationSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keys: FetchedKeys | GivenKey | None = None
        if settings.jwks_url is not None:
            self._keys = FetchedKeys(settings.jwks_url, settings.algorithms, clock)
        elif settings.public_key is not None:
            self._keys = GivenKey(settings.public_key)

    async def viewer(self, token: str) -> Viewer:
        """Whose token this is. Raises ``Unauthenticated``."""
        if self._keys is None:
            raise Unauthenticated(_REFUSED)
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.key(header.get("kid"), str(header.get("alg")))
            claims = msgspec.convert(self._read(token, key), _Claims)
            until = datetime.fromtimestamp(claims.exp + _LEEWAY, UTC)
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, msgspec.ValidationError, ValueError, OverflowError):
            raise Unauthenticated(_REFUSED) from None
        now = self._clock.now()
        if until <= now or claims.nbf > now.timestamp() + _LEEWAY:
            raise Unauthenticated(_REFUSED)
        told = {*claims.scope.split(), *(claims.scp.split() if isinstance(claims.scp, str) else claims.scp)}
        return Viewer(
            id=f"token:{claims.sub}",
            subject=claims.sub,
            scopes=frozenset(told & set(SCOPES)),
            providers=None if claims.providers is None else frozenset(claims.providers),
            expires_at=until,
        )

    async def close(self) -> None:
        """Closes connections."""
        if isinstance(self._keys, FetchedKeys):
            await self._keys.close()

    def _read(self, token: str, key: Any) -> dict[str, Any]:
        """The claims, which our clock judges rather than the machine's."""
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(self._settings.algorithms),
            audience=self._settings.audience,
            issuer=self._settings.issuer,
            options={"require": ["exp", "sub", "iss", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
        return found
