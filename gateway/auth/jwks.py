"""JWKS: the keys that tokens are verified with, fetched as a JSON Web Key Set (RFC 7517), or one key from a PEM file."""

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
from gateway.cache.shared_cache import SharedCache
from providers.clock import Clock

_TIMEOUT: Final = 5.0
_TTL: Final = 600.0
"""Seconds after which the set is fetched again."""
_MIN_INTERVAL: Final = 10.0
"""Seconds between two fetches, however many tokens name an unknown key."""
_MAX_BYTES: Final = 262_144
_MAX_KEYS: Final = 200
_UNKNOWN: Final = "This token was signed with a key that is not known here."
_ENTRY: Final = msgspec.msgpack.Encoder()
_log = logging.getLogger("countersign.authentication")


class _Jwk(msgspec.Struct, frozen=True):
    """JSON Web Key, its public members alone: a private or symmetric key in the set is never loaded as such."""

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


class StaticKey:
    """The one key of a PEM file."""

    def __init__(self, path: Path, algorithms: Collection[str]) -> None:
        self._algorithm, self._key = read_public_key(path, algorithms)

    async def key(self, kid: str, algorithm: str) -> Any:
        """The key, whatever ``kid`` a token names, for its own algorithm alone. Raises ``Unauthenticated``."""
        if algorithm != self._algorithm:
            raise Unauthenticated(_UNKNOWN)
        return self._key


class KeySet:
    """JSON Web Key Set by URL, cached here and for all gateways. The last set stays valid while its host does not answer."""

    def __init__(self, url: str, algorithms: Collection[str], clock: Clock, shared: SharedCache) -> None:
        self._url = url
        self._shared = shared
        self._algorithms = algorithms
        self._clock = clock
        self._http = httpx.AsyncClient(
            timeout=_TIMEOUT, follow_redirects=False, trust_env=False, headers={"accept-encoding": "identity"}
        )
        self._keys: Mapping[tuple[str, str], Any] = {}
        self._lock = asyncio.Lock()
        self._fetched_at = float("-inf")
        self._attempted_at = float("-inf")

    async def key(self, kid: str, algorithm: str) -> Any:
        """The key of this ``kid`` and algorithm; an unknown ``kid`` has the set fetched again (key rotation).

        Raises ``Unauthenticated``.
        """
        now = self._clock.monotonic()
        is_stale = now - self._fetched_at > _TTL and not self._lock.locked()
        if is_stale or (kid, algorithm) not in self._keys:
            await self._refresh(now, kid, algorithm)
        key = self._keys.get((kid, algorithm))
        if key is None or algorithm not in self._algorithms:
            raise Unauthenticated(_UNKNOWN, curable=self._fetched_at < self._attempted_at)
        return key

    async def close(self) -> None:
        """Closes connections."""
        await self._http.aclose()

    async def _refresh(self, asked_at: float, kid: str, algorithm: str) -> None:
        """Takes the set that another gateway has fetched; fetches it where that is as old, or lacks the key as well."""
        async with self._lock:
            if asked_at - self._attempted_at < _MIN_INTERVAL:
                return
            self._attempted_at = self._clock.monotonic()
            try:
                if await self._read_shared() and (kid, algorithm) in self._keys:
                    return
                body = await self._fetch()
                self._keys = read_key_set(body)
            except Exception as error:  # whatever the host sends, or the library raises on it
                _log.warning("the keys that tokens are checked with could not be fetched (%s)", type(error).__name__)
            else:
                self._fetched_at = self._attempted_at
                await self._shared.put(self._url, _ENTRY.encode((self._clock.now().timestamp(), body)), _TTL)

    async def _read_shared(self) -> bool:
        """Whether another gateway has fetched the set after this one; then it is taken, with its age."""
        entry = await self._shared.get(self._url)
        if entry is None:
            return False
        try:
            fetched_at, body = msgspec.msgpack.decode(entry, type=tuple[float, bytes])
            fetched_at += self._clock.monotonic() - self._clock.now().timestamp()
            if fetched_at <= self._fetched_at or self._clock.monotonic() - fetched_at > _TTL:
                return False
            self._keys, self._fetched_at = read_key_set(body), fetched_at
        except (msgspec.MsgspecError, ValueError):  # another build's: the issuer is asked
            return False
        return True

    async def _fetch(self) -> bytes:
        async with asyncio.timeout(_TIMEOUT), self._http.stream("GET", self._url) as reply:
            if reply.status_code != httpx.codes.OK:
                raise ValueError(f"status {reply.status_code}")
            if reply.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("encoded although that was not asked for")
            body = bytearray()
            async for chunk in reply.aiter_raw():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ValueError("too large")
        return bytes(body)


def read_key_set(body: bytes) -> Mapping[tuple[str, str], Any]:
    """The public keys of a set by ``kid`` and algorithm; an unusable one is skipped.

    Raises ``ValueError`` or ``RecursionError`` for what is no set, and ``ValueError`` for one without a usable key.
    """
    listed = msgspec.json.decode(body, type=_Jwks).keys
    if len(listed) > _MAX_KEYS:
        raise ValueError("too many keys")
    keys: dict[tuple[str, str], Any] = {}
    for raw in listed:
        key = _public_key(raw)
        if key is not None:
            keys.setdefault(*key)
    if not keys:
        raise ValueError("no key of use")
    return keys


def _public_key(raw: msgspec.Raw) -> tuple[tuple[str, str], Any] | None:
    """A key of a set with its ``kid`` and algorithm; None for one that tokens cannot be verified with."""
    try:
        jwk = msgspec.json.decode(raw, type=_Jwk)
        if jwk.use != "sig" or "verify" not in jwk.key_ops or len(jwk.n or "") > 4 * max(RSA_BITS) // 6:
            return None
        members = {"kty": jwk.kty, "crv": jwk.crv, "n": jwk.n, "e": jwk.e, "x": jwk.x, "y": jwk.y}
        key = jwt.PyJWK({name: value for name, value in members.items() if value is not None}).key
    except Exception:  # the library has many exceptions for an invalid key
        return None
    algorithm = algorithm_of(key)
    return ((jwk.kid, algorithm), key) if algorithm is not None and jwk.alg in {None, algorithm} else None
