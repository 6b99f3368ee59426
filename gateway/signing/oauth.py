"""OAuth 2.0 authorization code with PKCE: tokens of people who let the gateway act for them, encrypted at rest."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
from pydantic import SecretStr

from gateway.directory import ConnectedProvider, Directory
from gateway.signing.policy import Policy
from gateway.store import Store
from gateway.store.session_state.body import DECODE_ERRORS
from providers.clock import Clock
from providers.errors import Invalid, Unsupported
from providers.http.credentials import Token

K = TypeVar("K")
_TTL = timedelta(minutes=10)
_UNKNOWN_STATE = "This state was not given to you here, was used, or is too old. Begin the authorization again."


class _Pending(msgspec.Struct, frozen=True, array_like=True):
    provider: str
    verifier: str
    owner: str | None = None


class _StoredToken(msgspec.Struct, frozen=True, array_like=True):
    value: str
    expires_at: datetime | None

    def token(self, now: datetime) -> Token:
        left = None if self.expires_at is None else (self.expires_at - now).total_seconds()
        return Token(SecretStr(self.value), left)


@dataclass(frozen=True, slots=True)
class Authorization:
    """The page where a person authorizes the gateway, and the state that they bring back with the code."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    expires_at: datetime


class OAuth:
    """Authorizations that people give at providers, begun and completed by one viewer."""

    def __init__(self, policy: Policy, store: Store, clock: Clock) -> None:
        self._policy = policy
        self._secrets = store.secrets
        self._clock = clock

    async def begin_authorization(self, name: str) -> Authorization:
        """Begins an authorization: gives the page where a person lets the gateway act for them."""
        self._policy.require("begin_authorization")
        provider = self._policy.directory.get(name, path=("provider",))
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        url = await provider.adapter.begin_authorization(state, challenge)
        expires_at = self._clock.now() + _TTL
        pending = msgspec.msgpack.encode(_Pending(name, verifier, self._policy.owner))
        await self._secrets.put("authorization", _digest(state), pending, expires_at)
        return Authorization(url, state, expires_at)

    async def complete_authorization(self, name: str, code: str, state: str) -> ConnectedProvider:
        """Exchanges the code that a person brought back for a token.

        Raises ``Invalid`` for a state that was never given to this viewer, or was used. Otherwise somebody could have another
        complete what they have begun, and have the gateway act for the wrong person.
        """
        self._policy.require("complete_authorization")
        provider = self._policy.directory.get(name, path=("provider",))
        key, now = _digest(state), self._clock.now()
        # Read before it is taken: somebody who sends another viewer's state does not use it up.
        if not self._begun_here(name, await self._secrets.get("authorization", key, now)):
            raise Invalid(_UNKNOWN_STATE, path=("state",))
        pending = self._begun_here(name, await self._secrets.pop("authorization", key, now))
        if pending is None:
            raise Invalid(_UNKNOWN_STATE, path=("state",))
        token = await provider.adapter.complete_authorization(code, pending.verifier)
        expires_at = None if token.expires_in is None else self._clock.now() + timedelta(seconds=token.expires_in)
        stored = msgspec.msgpack.encode(_StoredToken(token.value.get_secret_value(), expires_at))
        await self._secrets.put("token", name, stored, expires_at)
        return provider

    def _begun_here(self, name: str, body: bytes | None) -> _Pending | None:
        """The authorization under way, if this viewer has begun it at that provider."""
        pending = None if body is None else _decoded(body, _Pending)
        return pending if pending is not None and (pending.provider, pending.owner) == (name, self._policy.owner) else None


async def restore_tokens(directory: Directory, store: Store, clock: Clock) -> None:
    """Hands each adapter the token that is stored for its provider."""
    for provider in directory:
        body = await store.secrets.get("token", provider.name, clock.now())
        stored = None if body is None else _decoded(body, _StoredToken)
        if stored is not None:
            with suppress(Unsupported):  # it is configured otherwise by now, and needs no token of a person
                provider.adapter.use_token(stored.token(clock.now()))


def _decoded(body: bytes, kind: type[K]) -> K | None:
    """A stored body; None for one that another build has stored in another form: it is asked for again."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except DECODE_ERRORS:
        return None


def _digest(state: str) -> str:
    return hashlib.blake2b(state.encode(), digest_size=24).hexdigest()
