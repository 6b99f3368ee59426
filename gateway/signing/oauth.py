"""People who let the gateway act for them at a provider: OAuth code with PKCE, tokens encrypted at rest."""

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

from gateway.directory import Connected, Directory
from gateway.signing.editing import Editing
from gateway.store import Store
from gateway.store.session_state.body import UNDECODABLE
from providers.clock import Clock
from providers.errors import Invalid, Unsupported
from providers.http.credentials import Token

K = TypeVar("K")
_PATIENCE = timedelta(minutes=10)
_UNKNOWN_STATE = "This state was not given to you here, was used, or is too old. Begin the authorization again."


class _Pending(msgspec.Struct, frozen=True, array_like=True):
    provider: str
    verifier: str
    owner: str | None = None


class _Given(msgspec.Struct, frozen=True, array_like=True):
    value: str
    expires_at: datetime | None

    def token(self, now: datetime) -> Token:
        left = None if self.expires_at is None else (self.expires_at - now).total_seconds()
        return Token(SecretStr(self.value), left)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Where a person has to go, and what they bring back with the code."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    expires_at: datetime


class Consent(Editing):
    """Tokens that belong to people."""

    async def open(self) -> None:
        """Uses the tokens that were given before, also for what a dead gateway left."""
        await recall_tokens(self.directory, self._store, self._clock)
        await super().open()

    async def begin_authorization(self, name: str) -> Authorization:
        """Where a person has to go to let the gateway act for them."""
        provider = self.directory.get(name, path=("provider",))
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        url = await provider.adapter.begin_authorization(state, challenge)
        expires_at = self._clock.now() + _PATIENCE
        pending = msgspec.msgpack.encode(_Pending(name, verifier, self.policy.owner))
        await self._store.secrets.put("authorization", _digest(state), pending, expires_at)
        return Authorization(url, state, expires_at)

    async def complete_authorization(self, name: str, code: str, state: str) -> Connected:
        """Exchanges the code that a person brought back. Raises ``Invalid`` for a state that was never given to them, or used.

        Otherwise somebody could have another complete what they have begun, and have the gateway act for the wrong person.
        """
        provider = self.directory.get(name, path=("provider",))
        key, now = _digest(state), self._clock.now()
        # Looked at before it is taken: who sends another's state does not use it up.
        if not self._begun_here(name, await self._store.secrets.get("authorization", key, now)):
            raise Invalid(_UNKNOWN_STATE, path=("state",))
        pending = self._begun_here(name, await self._store.secrets.pop("authorization", key, now))
        if pending is None:
            raise Invalid(_UNKNOWN_STATE, path=("state",))
        token = await provider.adapter.complete_authorization(code, pending.verifier)
        expires_at = None if token.expires_in is None else self._clock.now() + timedelta(seconds=token.expires_in)
        given = msgspec.msgpack.encode(_Given(token.value.get_secret_value(), expires_at))
        await self._store.secrets.put("token", name, given, expires_at)
        return provider

    def _begun_here(self, name: str, kept: bytes | None) -> _Pending | None:
        """The authorization under way, if this viewer has begun it at that provider."""
        pending = None if kept is None else _decoded(kept, _Pending)
        return pending if pending is not None and (pending.provider, pending.owner) == (name, self.policy.owner) else None


async def recall_tokens(directory: Directory, store: Store, clock: Clock) -> None:
    """Has providers use the tokens that people gave before."""
    for provider in directory:
        kept = await store.secrets.get("token", provider.name, clock.now())
        given = None if kept is None else _decoded(kept, _Given)
        if given is not None:
            with suppress(Unsupported):  # its configuration is another by now, and needs no consent
                provider.adapter.use_token(given.token(clock.now()))


def _decoded(body: bytes, kind: type[K]) -> K | None:
    """What was kept; what another version of the gateway has kept in another form is asked for again, as if it were gone."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except UNDECODABLE:
        return None


def _digest(state: str) -> str:
    return hashlib.blake2b(state.encode(), digest_size=24).hexdigest()
