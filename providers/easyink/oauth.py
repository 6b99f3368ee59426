"""OAuth authorization code flow with PKCE at EasyInk's identity host, and the personal access token that it issues.

EasyInk redirects to its own site, so the person has to copy the code from that site's address.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import msgspec
from pydantic import SecretStr

from providers.clock import Clock
from providers.decoding.coercion import parse_seconds
from providers.decoding.json import MALFORMED
from providers.easyink.errors import code_refused, no_access_token
from providers.easyink.settings import EasyInkSettings
from providers.easyink.wire import AccessToken
from providers.errors import Misbehaved, SigningError
from providers.http.client import HttpClient
from providers.http.credentials import AuthHeaders, Token

_SCOPE = "openid hermes_api hermes_idp profile"
_FORM = {"content-type": "application/x-www-form-urlencoded"}


class AuthorizationCodeFlow:
    """Authorization code flow with PKCE (RFC 7636): the address of the consent page, and the exchange of the code."""

    def __init__(self, http: HttpClient, settings: EasyInkSettings, clock: Clock) -> None:
        self._http = http
        self._settings = settings
        self._clock = clock

    def authorization_url(self, state: str, challenge: str) -> str:
        """The address of the consent page; ``challenge`` is PKCE's, by S256."""
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "scope": _SCOPE,
            "redirect_uri": self._settings.redirect_uri,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._settings.identity_url}{self._settings.path('authorize')}?{urlencode(query, quote_via=quote)}"

    async def exchange(self, code: str, verifier: str) -> Token:
        """Exchanges a code, which is valid once, for a token.

        Raises ``Invalid`` for a code that is not valid (any more), ``AuthorizationRequired`` where the client is refused.
        """
        form = {
            "grant_type": "authorization_code",
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.get_secret_value(),
            "code": code,
            "redirect_uri": self._settings.redirect_uri,
            "code_verifier": verifier,
        }
        try:
            reply = await self._http.request(
                "POST",
                self._settings.path("token"),
                body=urlencode(form).encode(),
                headers=_FORM,
                repeatable=False,
                base_url=self._settings.identity_url,
                authorized=False,
            )
            issued = reply.json(AccessToken)
        except MALFORMED as error:
            what = f"{self._settings.name} answered with something that is no token: check identity_url."
            raise Misbehaved(what, provider=self._settings.name) from error
        except SigningError as error:
            if error.retryable or isinstance(error, Misbehaved):
                raise
            raise code_refused(self._settings.name, error) from error
        return self._token(issued)

    def _token(self, issued: AccessToken) -> Token:
        value, lifetime = SecretStr(issued.access_token), parse_seconds(issued.expires_in) or None
        if lifetime is None and (expires_at := expiry(value)) is not None:
            lifetime = (expires_at - self._clock.now()).total_seconds()
        return Token(value, lifetime)


class PersonalToken:
    """Bearer token of one person. EasyInk issues no refresh token, so it cannot be renewed without that person."""

    def __init__(self, provider: str, clock: Clock, value: SecretStr | None = None) -> None:
        self._provider = provider
        self._clock = clock
        self._headers = None if value is None else AuthHeaders.bearer(value)
        self._expires_at = None if value is None else expiry(value)
        self._refused = False

    @property
    def present(self) -> bool:
        """Whether there is a token."""
        return self._headers is not None

    @property
    def expires_at(self) -> datetime | None:
        """The expiry of the token; None where it is unknown."""
        return self._expires_at

    @property
    def refused(self) -> bool:
        """Whether EasyInk has refused the token."""
        return self._refused

    def use(self, token: Token) -> None:
        """Replaces the token. Its expiry is that of its own claim, else the one stated when it was issued."""
        expires_at = expiry(token.value)
        if expires_at is None and token.expires_in is not None:
            expires_at = self._clock.now() + timedelta(seconds=token.expires_in)
        self._headers, self._expires_at, self._refused = AuthHeaders.bearer(token.value), expires_at, False

    def headers(self) -> Mapping[str, str]:
        """The Authorization header. Raises ``AuthorizationRequired`` without a token."""
        if self._headers is None:
            raise no_access_token(self._provider)
        return self._headers

    async def refresh(self, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """The headers of a token that has replaced the rejected one; none where there is no other."""
        if self._headers is not None and self._headers != rejected:
            return self._headers
        self._refused = self._headers is not None
        return {}


class _Claims(msgspec.Struct):
    exp: float | None = None


def expiry(token: SecretStr) -> datetime | None:
    """The expiry by the token's ``exp`` claim, read without verification; None for an opaque token."""
    parts = token.get_secret_value().split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        exp = msgspec.json.decode(payload, type=_Claims).exp
        return None if exp is None else datetime.fromtimestamp(exp, UTC)
    except (binascii.Error, ValueError, OverflowError, OSError):
        return None
