"""Identity host of the simulator: OAuth authorization code flow with PKCE, and the check of its tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from providers.clock import Clock
from providers.easyink.sandbox.account import USER
from providers.easyink.sandbox.requests import Refusal

CLIENT_ID = "countersign-sandbox"
CLIENT_SECRET = "easyink-sandbox-secret"  # noqa: S105 (good for nothing but a sandbox)
SCOPE = "openid hermes_api hermes_idp profile"
_SITES = frozenset({"https://easyink.io", "https://staging.easyink.io"})
_CODE_LIFETIME = timedelta(minutes=5)
TOKEN_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Grant:
    challenge: str
    redirect_uri: str
    ends_at: datetime


class IdentityHost:
    """Issues signed tokens. Those of an earlier run are valid too, as the signing key is a constant."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._grants: dict[str, _Grant] = {}
        self.sites = set(_SITES)

    def routes(self) -> Sequence[Route]:
        """Routes of the identity host under ``/identity``, and of the site that it redirects to."""
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/identity/connect/authorize", self.authorize, methods=["GET"]),
            Route("/identity/connect/token", self.token, methods=["POST"]),
        ]

    def mint(self, lifetime: timedelta = TOKEN_LIFETIME) -> str:
        """A JSON Web Token."""
        now = self._clock.now()
        claims = {
            "sub": USER,
            "role": "Administrator",
            "client_id": CLIENT_ID,
            "scope": SCOPE,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
        signed = ".".join(_segment(msgspec.json.encode(each)) for each in ({"alg": "HS256", "typ": "JWT"}, claims))
        return f"{signed}.{_signature(signed)}"

    def authenticate(self, request: Request) -> None:
        """Raises ``Refusal`` for a request without a valid token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        signed, _, signature = token.rpartition(".")
        if scheme.lower() != "bearer" or not hmac.compare_digest(signature.encode(), _signature(signed).encode()):
            raise Refusal("The access token is missing or invalid", 401)
        payload = signed.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if claims["exp"] <= self._clock.now().timestamp():
            raise Refusal("The access token has expired", 401)

    async def home(self, request: Request) -> Response:
        """The site that a person is redirected to."""
        return HTMLResponse("<!doctype html><title>EasyInk sandbox</title><p>Signed in: the code is in this page's address.")

    async def authorize(self, request: Request) -> Response:
        """The consent page: the person consents at once. An unregistered client or site is not redirected to."""
        query = request.query_params
        site = query.get("redirect_uri", "").rstrip("/")
        if query.get("client_id") != CLIENT_ID:
            return JSONResponse({"error": "unauthorized_client"}, 400)
        if site not in self.sites | {str(request.base_url).rstrip("/")}:
            return JSONResponse({"error": "invalid_request", "error_description": "Invalid redirect_uri"}, 400)
        answer = {"state": query["state"]} if "state" in query else {}
        if query.get("response_type") != "code":
            return _redirect(site, answer | {"error": "unsupported_response_type"})
        if not set(SCOPE.split()).issuperset(query.get("scope", "-").split()):
            return _redirect(site, answer | {"error": "invalid_scope"})
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            return _redirect(site, answer | {"error": "invalid_request", "error_description": "code challenge required"})
        code = secrets.token_urlsafe(32)
        self._grants[code] = _Grant(query["code_challenge"], site, self._clock.now() + _CODE_LIFETIME)
        return _redirect(site, {"code": code} | answer)

    async def token(self, request: Request) -> Response:
        """The token endpoint: exchanges a code, once. There is no refresh token."""
        form = await request.form()
        if form.get("grant_type") != "authorization_code":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return JSONResponse({"error": "invalid_client"}, 400)
        grant = self._grants.pop(str(form.get("code")), None)
        if grant is None or grant.ends_at <= self._clock.now():
            return JSONResponse({"error": "invalid_grant"}, 400)
        if str(form.get("redirect_uri", "")).rstrip("/") != grant.redirect_uri:
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
        if not hmac.compare_digest(_segment(digest).encode(), grant.challenge.encode()):
            return JSONResponse({"error": "invalid_grant", "error_description": "code_verifier does not match"}, 400)
        seconds = int(TOKEN_LIFETIME.total_seconds())
        return JSONResponse({"access_token": self.mint(), "expires_in": seconds, "token_type": "Bearer", "scope": SCOPE})


def _redirect(site: str, answer: dict[str, str]) -> Response:
    return RedirectResponse(f"{site}?{urlencode(answer)}", 302)


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _signature(signed: str) -> str:
    return _segment(hmac.digest(CLIENT_SECRET.encode(), signed.encode(), "sha256"))
