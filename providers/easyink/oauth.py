"""A person lets the gateway act for them: OAuth's code flow with PKCE at EasyInk's identity host.

The person is sent back to EasyInk's own site, so that they have to bring the code from there themselves.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from pydantic import SecretStr

from providers.clock import Clock
from providers.decoding.coercion import parse_seconds
from providers.decoding.json import MALFORMED
from providers.easyink.token import expiry
from providers.easyink.wire import EasyInkSettings, GivenToken
from providers.errors import AuthorizationRequired, InDoubt, Invalid, Misbehaved, SigningError
from providers.http.client import HttpClient
from providers.http.credentials import Token

_SCOPE = "openid hermes_api hermes_idp profile"
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_WRONG_CLIENT = frozenset({"invalid_client", "unauthorized_client"})


class Consent:
    """Where a person consents, and what their code is exchanged for."""

    def __init__(self, http: HttpClient, settings: EasyInkSettings, clock: Clock) -> None:
        self._http = http
        self._settings = settings
        self._clock = clock

    def address(self, state: str, challenge: str) -> str:
        """Where the person has to go; ``challenge`` is PKCE's, by S256."""
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
        """The token for a code, which is good once.

        Raises ``Invalid`` for a code that is not (any more), ``AuthorizationRequired`` where the client is refused.
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
            given = reply.json(GivenToken)
        except MALFORMED as error:
            what = f"{self._settings.name} answered with something that is no token: check identity_url."
            raise Misbehaved(what, provider=self._settings.name) from error
        except SigningError as error:
            if error.retryable or isinstance(error, Misbehaved):
                raise
            raise self._refusal(error) from error
        return self._token(given)

    def _token(self, given: GivenToken) -> Token:
        value, life = SecretStr(given.access_token), parse_seconds(given.expires_in) or None
        if life is None and (ends_at := expiry(value)) is not None:
            life = (ends_at - self._clock.now()).total_seconds()
        return Token(value, life)

    def _refusal(self, error: SigningError) -> SigningError:
        """What the identity host means; its own words are left out, since they may quote the code."""
        name = self._settings.name
        kind: type[SigningError] = AuthorizationRequired
        path: tuple[str, ...] = ()
        if isinstance(error, InDoubt):
            what = f"{name} did not answer, and the code may be used up: begin the authorization again."
        elif error.provider_code == "invalid_grant":
            kind, path = Invalid, ("code",)
            what = "This code is wrong, was used, or is too old, or it was given for another attempt: begin again."
        elif error.provider_code in _WRONG_CLIENT or error.status == 401:
            what = f"{name} does not know the gateway: check client_id and client_secret."
        else:
            what = f"{name} gave no token: check client_id, redirect_uri and identity_url."
        return kind(what, path=path, provider=name, provider_code=error.provider_code, status=error.status)
