"""Signature verification keys: one from a PEM file, or a JSON Web Key Set (RFC 7517) that is fetched and changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
import msgspec

from gateway.auth.public_key import RSA_BITS, algorithm_of, read_public_key
from gateway.auth.refusal import Unauthenticated
from providers.clock import Clock

_SECONDS: Final = 5.0
_KEPT: Final = 600.0
"""Seconds after which a set is fetched anew."""
_PAUSE: Final = 10.0
"""Seconds between two fetches, however many tokens name a key that is not there."""
_MOST_BYTES: Final = 262_144
_MOST_KEYS: Final = 200
_UNKNOWN: Final = "This token was signed with a key that is not known here."
_log = logging.getLogger("countersign.authentication")


class _Jwk(msgspec.Struct, frozen=True):
    """The public members of a key: a private or symmetric one in the set is never loaded as such."""

    kty: str
    kid: str = ""
    alg: str | None = None
    use: str = "sig"
    key_ops: list[str] = msgspec.field(default_factory=lambda: ["verify"])
    crv: str | None = None
    n: str | None = None
    e: str | None = None
    x: str | None = None
    y: str | None = None


class _Jwks(msgspec.Struct, frozen=True):
    keys: list[msgspec.Raw]


class GivenKey:
    """The key in a PEM file."""

    def __init__(self, path: Path, algorithms: Collection[str]) -> None:
        self._algorithm, self._key = read_public_key(path, algorithms)

    async def key(self, name: str, algorithm: str) -> Any:
        """The key, whatever a token calls it, for its own algorithm alone. Raises ``Unauthenticated``."""
        if algorithm != self._algorithm:
            raise Unauthenticated(_UNKNOWN)
        return self._key


class FetchedKeys:
    """A JSON Web Key Set by URL. The last set that could be read stays good while its host does not answer."""

    def __init__(self, url: str, algorithms: Collection[str], clock: Clock) -> None:
        self._url = url
        self._algorithms = algorithms
        self._clock = clock
        self._http = httpx.AsyncClient(
            timeout=_SECONDS, follow_redirects=False, trust_env=False, headers={"accept-encoding": "identity"}
        )
        self._keys: Mapping[tuple[str, str], Any] = {}
        self._turn = asyncio.Lock()
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")

    async def key(self, name: str, algorithm: str) -> Any:
        """The key of this name, and of an algorithm that is its own. Raises ``Unauthenticated``."""
        now = self._clock.monotonic()
        stale = now - self._fetched_at > _KEPT and not self._turn.locked()
        if stale or (name, algorithm) not in self._keys:
            await self._refresh(now)
        found = self._keys.get((name, algorithm))
        if found is None or algorithm not in self._algorithms:
            raise Unauthenticated(_UNKNOWN, curable=self._fetched_at < self._tried_at)
        return found

    async def close(self) -> None:
        """Closes connections."""
        await self._http.aclose()

    async def _refresh(self, asked_at: float) -> None:
        async with self._turn:
            if asked_at - self._tried_at < _PAUSE:
                return
            self._tried_at = self._clock.monotonic()
            try:
                self._keys = read_key_set(await self._fetch())
            except Exception as error:  # whatever its host sends, or its library makes of that
                _log.warning("the keys that tokens are checked with could not be fetched (%s)", type(error).__name__)
            else:
                self._fetched_at = self._tried_at

    async def _fetch(self) -> bytes:
        async with asyncio.timeout(_SECONDS), self._http.stream("GET", self._url) as reply:
            if reply.status_code != httpx.codes.OK:
                raise ValueError(f"status {reply.status_code}")
            if reply.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("encoded although that was not asked for")
            body = bytearray()
            async for chunk in reply.aiter_raw():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError("too large")
        return bytes(body)


def read_key_set(body: bytes) -> Mapping[tuple[str, str], Any]:
    """The public keys of a set by their name and algorithm; one that cannot be used costs itself alone.

    Raises ``ValueError`` or ``RecursionError`` for what is no set, and ``ValueError`` for one without any key of use.
    """
    listed = msgspec.json.decode(body, type=_Jwks).keys
    if len(listed) > _MOST_KEYS:
        raise ValueError("too many keys")
    found: dict[tuple[str, str], Any] = {}
    for raw in listed:
        key = _public_key(raw)
        if key is not None:
            found.setdefault(*key)
    if not found:
        raise ValueError("no key of use")
    return found


def _public_key(raw: msgspec.Raw) -> tuple[tuple[str, str], Any] | None:
    """A key of a set with its name and algorithm; None for one that tokens cannot be checked with."""
    try:
        told = msgspec.json.decode(raw, type=_Jwk)
        if told.use != "sig" or "verify" not in told.key_ops or len(told.n or "") > 4 * max(RSA_BITS) // 6:
            return None
        members = {"kty": told.kty, "crv": told.crv, "n": told.n, "e": told.e, "x": told.x, "y": told.y}
        key = jwt.PyJWK({name: value for name, value in members.items() if value is not None}).key
    except Exception:  # its library says in many ways that this is none
        return None
    algorithm = algorithm_of(key)
    return ((told.kid, algorithm), key) if algorithm is not None and told.alg in {None, algorithm} else None
