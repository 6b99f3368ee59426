"""The public keys that tokens are checked with: one that is given, or a set that is fetched and changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.authentication.refusal import Unauthenticated
from providers.clock import Clock

_SECONDS: Final = 5.0
_KEPT: Final = 600.0
"""Seconds after which a set is fetched anew."""
_PAUSE: Final = 10.0
"""Seconds between two fetches, however many tokens name a key that is not there."""
_MOST_BYTES: Final = 262_144
_UNKNOWN: Final = "This token was signed with a key that is not known here."
_log = logging.getLogger("countersign.authentication")


class GivenKey:
    """The key in a PEM file."""

    def __init__(self, path: Path) -> None:
        self._key = load_pem_public_key(path.read_bytes())

    async def key(self, name: str | None, algorithm: str) -> Any:
        """The key, whatever a token calls it."""
        return self._key


class FetchedKeys:
    """A JSON Web Key Set (RFC 7517). What was fetched stays good while its host does not answer."""

    def __init__(self, url: str, algorithms: Collection[str], clock: Clock) -> None:
        self._url = url
        self._algorithms = algorithms
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False, trust_env=False)
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._turn = asyncio.Lock()
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")

    async def key(self, name: str | None, algorithm: str) -> Any:
        """The key of this name, and of an algorithm that is its own. Raises ``Unauthenticated``."""
        now = self._clock.monotonic()
        stale = now - self._fetched_at > _KEPT and not self._turn.locked()
        if stale or (name or "") not in self._keys:
            await self._refresh(now)
        found = self._keys.get(name or "")
        if found is None or found.algorithm_name != algorithm or algorithm not in self._algorithms:
            raise Unauthenticated(_UNKNOWN)
        return found.key

    async def close(self) -> None:
        """Closes connections."""
        await self._http.aclose()

    async def _refresh(self, asked_at: float) -> None:
        async with self._turn:
            if asked_at - self._tried_at < _PAUSE:
                return
            self._tried_at = self._clock.monotonic()
            try:
                self._keys = await self._fetch()
            except (httpx.HTTPError, jwt.PyJWTError, ValueError) as error:
                _log.warning("the keys that tokens are checked with could not be fetched (%s)", type(error).__name__)
            else:
                self._fetched_at = self._tried_at

    async def _fetch(self) -> Mapping[str, jwt.PyJWK]:
        async with asyncio.timeout(_SECONDS), self._http.stream("GET", self._url) as reply:
            if reply.status_code != httpx.codes.OK:
                raise ValueError(f"status {reply.status_code}")
            body = bytearray()
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError("too large")
        keys = jwt.PyJWKSet.from_json(body.decode()).keys
        return {each.key_id or "": each for each in keys if each.public_key_use in {None, "sig"}}
