"""Somebody who issues tokens, and says by which keys they are to be checked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.sandbox.server import serving

ISSUER, AUDIENCE = "https://login.example.com/", "countersign"
_ALGORITHMS = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}


class Issuer:
    """Its keys by their names; ``asked`` counts how often the set was read, ``down`` takes it off, and ``slow`` holds it up.

    ``document`` is sent in place of the set.
    """

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Any]] = {}
        self.asked = 0
        self.down = False
        self.document: bytes | None = None
        self.slow: asyncio.Event | None = None
        self.reached = asyncio.Event()
        self.address = ""
        self.add("one", "RS256")
        self.add("two", "ES256")

    def add(self, name: str, algorithm: str) -> None:
        self.keys[name] = (algorithm, _made(name, algorithm))

    def token(self, by: str = "one", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that holds, but for what is told otherwise; a claim of None is left out."""
        algorithm, secret = self.keys[by]
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": _in(600), "scope": "sessions:read sessions:write"}
        told = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(told, secret, algorithm=algorithm, headers={"kid": by} | (header or {}))

    def forged(self, header: dict[str, Any], secret: bytes | None = None, **claims: Any) -> str:
        """A token of which every part is chosen, signed by an HMAC if at all."""
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "eve", "exp": _in(600), "scope": "sessions:read"} | claims
        body = ".".join(_part(json.dumps(each).encode()) for each in (header, usual))
        return f"{body}.{_part(hmac.digest(secret, body.encode(), hashlib.sha256)) if secret else ''}"

    def public(self, name: str) -> bytes:
        return bytes(self.keys[name][1].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        async with serving(Starlette(routes=[Route("/keys", self._keys)])) as address:
            self.address = f"{address}/keys"
            yield self

    async def _keys(self, request: Request) -> Response:
        self.asked += 1
        if self.slow is not None:
            self.reached.set()
            await self.slow.wait()
        if self.down:
            return Response(status_code=503)
        if self.document is not None:
            return Response(self.document, media_type="application/json")
        return JSONResponse({"keys": self.jwks()})

    def jwks(self) -> list[dict[str, Any]]:
        """The keys as RFC 7517 writes them."""
        return [
            _ALGORITHMS[algorithm].to_jwk(secret.public_key(), as_dict=True) | {"kid": name, "alg": algorithm, "use": "sig"}
            for name, (algorithm, secret) in self.keys.items()
        ]


@cache
def _made(name: str, algorithm: str) -> Any:
    return rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())


def _in(seconds: float) -> int:
    return int(datetime.now(UTC).timestamp() + seconds)


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
