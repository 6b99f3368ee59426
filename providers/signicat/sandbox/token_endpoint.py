"""Token endpoint of the simulator: OAuth client credentials grant, and the check of the tokens that it issued."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.clock import Clock

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
_UNSTATED_LIFETIME = 300.0


class TokenEndpoint:
    """Issues tokens to one client. ``lifetime`` is seconds; None for 300 that the answer does not state."""

    def __init__(self, clock: Clock) -> None:
        self.lifetime: float | None = 600
        self._clock = clock
        self._expiries: dict[str, datetime] = {}

    @property
    def issued(self) -> frozenset[str]:
        """Every token that was issued and not revoked, expired ones included."""
        return frozenset(self._expiries)

    def revoke_all(self) -> None:
        """Revokes every token issued so far."""
        self._expiries.clear()

    def accepts(self, request: Request) -> bool:
        """Whether a request has a valid bearer token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expires_at = self._expiries.get(token)
        return scheme.lower() == "bearer" and expires_at is not None and expires_at > self._clock.now()

    async def issue(self, request: Request) -> Response:
        """Answers a token request."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}
        basic = _basic_credentials(request)
        if (basic or (form.get("client_id", ""), form.get("client_secret", ""))) != (CLIENT_ID, CLIENT_SECRET):
            error = {"error": "invalid_client", "error_description": "Client authentication failed."}
            return JSONResponse(error, 401 if basic else 400)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if form.get("scope") != "signicat-api":
            return JSONResponse({"error": "invalid_scope"}, 400)
        token = secrets.token_urlsafe(32)
        lifetime = _UNSTATED_LIFETIME if self.lifetime is None else self.lifetime
        self._expiries[token] = self._clock.now() + timedelta(seconds=lifetime)
        stated = {} if self.lifetime is None else {"expires_in": self.lifetime}
        return JSONResponse({"access_token": token, "token_type": "Bearer", "scope": "signicat-api", **stated})


def _basic_credentials(request: Request) -> tuple[str, str] | None:
    scheme, _, pair = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(pair).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client, secret
