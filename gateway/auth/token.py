"""Access tokens: JSON Web Tokens of a trusted issuer with this gateway as audience (RFC 7519, RFC 8725, RFC 9068)."""

from __future__ import annotations

import logging
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import jwt
import msgspec

from gateway.auth.jwks import KeySet, StaticKey
from gateway.auth.refusal import Unauthenticated, expired
from gateway.auth.viewer import SCOPES, Viewer
from gateway.cache.shared_cache import SharedCache
from gateway.config import AuthenticationSettings
from providers.clock import Clock

_LEEWAY: Final = 30
"""Seconds by which clocks may differ."""
_REFUSED: Final = "This token does not hold here. Send one that was made for this gateway and has not ended."
_ENDED: Final = "This token has ended. Send a new one."
_ACCESS_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
"""``typ`` of an access token (RFC 9068, 2.1)."""
_UNTYPED: Final = frozenset({"", "jwt", "application/jwt"})
"""``typ`` of tokens that do not name their purpose."""
_ID_TOKEN_CLAIMS: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})
"""Claims of ID tokens and logout tokens, which no access token has (OpenID Connect Core 1.0, 2 and 3.3.2.11)."""
_ACCESS_CLAIMS: Final = frozenset({"scope", "scp"})
_log = logging.getLogger("countersign.authentication")


class _Header(msgspec.Struct, frozen=True):
    """JOSE header. ``crit`` names extensions that have to be understood, and none is (RFC 7515, 4.1.11)."""

    alg: str
    kid: str = ""
    typ: str = ""
    crit: None = None


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    exp: int | float
    nbf: int | float = 0
    scope: str = ""
    scp: list[str] | str = ""
    providers: list[str] | None = None


class AccessTokens:
    """Verifies access tokens. A token's ``alg`` has to be one of the configuration, and that of the key."""

    def __init__(self, settings: AuthenticationSettings, clock: Clock, shared: SharedCache) -> None:
        self._settings = settings
        self._clock = clock
        self._keys: KeySet | StaticKey | None = None
        if settings.jwks_url is not None:
            self._keys = KeySet(settings.jwks_url, settings.algorithms, clock, shared)
        elif settings.public_key is not None:
            self._keys = StaticKey(settings.public_key, settings.algorithms)

    async def viewer(self, token: str) -> Viewer:
        """The viewer of a token. Raises ``Unauthenticated``, whatever is wrong with it."""
        try:
            header = _header(token)
            if self._keys is None or header.alg not in self._settings.algorithms:
                raise Unauthenticated(_REFUSED)
            key = await self._keys.key(header.kid, header.alg)
            claims = self._verify(token, key, header.alg)
            self._require_access(header.typ.lower(), claims)
            return self._viewer(msgspec.convert(claims, _Claims))
        except Unauthenticated:
            raise
        except Exception as error:  # a token is its sender's to write: whatever it makes a library raise, it is invalid
            _log.debug("a token does not hold (%s)", type(error).__name__)
            raise Unauthenticated(_REFUSED) from None

    async def close(self) -> None:
        """Closes the connection to the issuer."""
        if isinstance(self._keys, KeySet):
            await self._keys.close()

    def _verify(self, token: str, key: Any, algorithm: str) -> dict[str, Any]:
        """The claims of a token whose signature, issuer and audience are right; times are checked by our own clock."""
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=self._settings.audience,
            issuer=self._settings.issuer,
            options={"require": ["exp", "sub", "iss", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
        return claims

    def _require_access(self, kind: str, claims: Mapping[str, Any]) -> None:
        """Raises ``Unauthenticated`` for a token that is no access token, such as an ID token.

        Many issuers type all of their tokens JWT. Such a token has to have a scope, which only access tokens have, and no
        claim of the others; Keycloak's ``typ`` and Cognito's ``token_use`` are claims that tell them apart.
        """
        if self._settings.typ is not None:
            if kind != self._settings.typ.lower():
                raise Unauthenticated(_REFUSED)
            return
        if kind in _ACCESS_TYPES:
            return
        access = not _ACCESS_CLAIMS.isdisjoint(claims) and _ID_TOKEN_CLAIMS.isdisjoint(claims)
        named = claims.get("typ", "Bearer") == "Bearer" and claims.get("token_use", "access") == "access"
        if kind not in _UNTYPED or not (access and named):
            raise Unauthenticated(_REFUSED)

    def _viewer(self, claims: _Claims) -> Viewer:
        now = self._clock.now()
        until = datetime.fromtimestamp(claims.exp + _LEEWAY, UTC)
        is_valid_yet = claims.nbf <= now.timestamp() + _LEEWAY  # False for NaN
        if not claims.sub:
            raise Unauthenticated(_REFUSED)
        claims.sub.encode()  # raises on a lone surrogate
        if until <= now:
            raise expired(_ENDED)
        if not is_valid_yet:
            raise Unauthenticated(_REFUSED, curable=True)
        granted = {*claims.scope.split(), *(claims.scp.split() if isinstance(claims.scp, str) else claims.scp)}
        return Viewer(
            id=f"token:{claims.sub}",
            subject=claims.sub,
            scopes=frozenset(granted & set(SCOPES)),
            providers=None if claims.providers is None else frozenset(claims.providers),
            expires_at=until,
        )


def _header(token: str) -> _Header:
    """The header of a token in three parts. Raises ``ValueError``, or ``RecursionError``, where it is none."""
    head, _, _ = token.partition(".")
    return msgspec.json.decode(urlsafe_b64decode(head + "=" * (-len(head) % 4)), type=_Header)
