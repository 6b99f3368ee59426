"""The same key and input come to the same result: while it is made, after a restart, and on another gateway."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import anyio
import msgspec

from gateway.settings import Settings
from gateway.store import Promise, Store
from providers.clock import Clock
from providers.deadline import time_left
from providers.errors import Busy, Conflict, InDoubt, expected
from providers.model import Session, SessionRef

_LOOK_SECONDS = 0.05
_PATH = ("input", "idempotencyKey")
_UNKNOWN = "The gateway is still finding out what came of this. Send it again in a while."


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """What a write came to: the session, and the part of it that was made, by its key."""

    session: SessionRef
    child: str | None = None


Work = Callable[[str | None], Awaitable[Receipt]]
CameOf = Callable[[Session], Awaitable[Receipt | None]]


class Once:
    """Idempotency keys over the store that all gateways share."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, owner: str) -> None:
        self._store = store
        self._keep = timedelta(seconds=settings.idempotency.keep)
        self._lease = timedelta(seconds=settings.sagas.lease)
        self._clock = clock
        self._owner = owner

    async def do(self, key: str | None, meaning: object, work: Work, came_of: CameOf | None = None) -> Receipt:
        """The receipt that the key has, or else that of the work, which is given the key as the store knows it.

        ``meaning`` is everything that the input says. ``came_of`` finds out, by what the session was like before, what
        came of a call that nobody saw end. Raises ``Conflict`` where the key meant something else, and ``InDoubt``
        while nobody knows what came of it. A failure frees the key.
        """
        if key is None:
            return await work(None)
        promise = Promise(
            key=_digest(key.encode()),
            fingerprint=_digest(msgspec.json.encode(meaning, order="sorted")),
            owner=self._owner,
            expires_at=self._clock.now() + self._keep,
        )
        if (known := await self._reserve(promise, came_of)) is not None:
            return known
        try:
            receipt = await work(promise.key)
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await self._end(promise.key, error)
            raise
        await self._store.promises.keep(promise.key, self._owner, msgspec.msgpack.encode(receipt))
        return receipt

    async def attempt(self, promise: str, before: Session) -> None:
        """Notes what a session is like, right before the one call that changes it. Raises ``InDoubt``: do not call."""
        if not await self._store.promises.attempt(promise, self._owner, msgspec.msgpack.encode(before)):
            raise InDoubt(_UNKNOWN, path=_PATH)

    async def _reserve(self, promise: Promise, came_of: CameOf | None) -> Receipt | None:
        """None once the key is ours; the receipt where somebody has kept the promise already."""
        while (held := await self._store.promises.make(promise, self._clock.now())) is not None:
            if held.fingerprint != promise.fingerprint:
                raise Conflict("This key was used for another input. Use a new key for a new intention.", path=_PATH)
            if held.result is not None:
                return msgspec.msgpack.decode(held.result, type=Receipt)
            if held.saga is not None:
                if await self._store.sagas.in_doubt(held.saga):
                    raise InDoubt(_UNKNOWN, path=_PATH)
            elif not await self._alive(held.owner) and await self._store.promises.inherit(held, self._owner):
                return await self._settle(held, came_of)
            await self._wait()
        return None

    async def _settle(self, held: Promise, came_of: CameOf | None) -> Receipt | None:
        """What came of the call under a key that nobody minded; None where none was made, or it changed nothing."""
        if held.before is None or came_of is None:
            return None
        try:
            receipt = await came_of(msgspec.msgpack.decode(held.before, type=Session))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._store.promises.abandon(held.key, self._owner)
            raise
        if receipt is not None:
            await self._store.promises.keep(held.key, self._owner, msgspec.msgpack.encode(receipt))
        return receipt

    async def _end(self, key: str, error: BaseException) -> None:
        """Frees the key of work that failed, unless a call was made of which nobody knows what came."""
        held = await self._store.promises.get(key)
        problems = expected(error)
        known = bool(problems) and not any(isinstance(each, InDoubt) for each in problems)
        if held is not None and held.before is not None and not known:
            await self._store.promises.abandon(key, self._owner)
        else:
            await self._store.promises.release(key, self._owner)

    async def _alive(self, owner: str) -> bool:
        return await self._store.sagas.alive(owner, self._clock.now() - self._lease)

    async def _wait(self) -> None:
        left = time_left(self._clock)
        if left is not None and left <= _LOOK_SECONDS:
            raise Busy("The same request is still under way. Send it again in a while.", path=_PATH)
        await self._clock.sleep(_LOOK_SECONDS)


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=24).hexdigest()
