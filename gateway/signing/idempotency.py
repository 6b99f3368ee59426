"""Idempotency keys: the same key and input come to the same outcome, after a restart and on another gateway too."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import anyio
import msgspec

from gateway.config import Settings
from gateway.signing.heartbeat import Heartbeat
from gateway.signing.receipt import Receipt, decode_before, decode_receipt
from gateway.store import IdempotencyRecord, SagaState, Store
from gateway.store.session_state.body import encode_session
from providers.clock import Clock
from providers.errors import Busy, Conflict, InDoubt, Misbehaved, expected_errors
from providers.http.deadline import remaining_time
from providers.model import Session

_LOOK_SECONDS = 0.05
_PATH = ("input", "idempotencyKey")
_log = logging.getLogger("countersign.idempotency")
_UNKNOWN = "The gateway is still finding out what came of this. Send it again in a while."


Work = Callable[[str | None], Awaitable[Receipt]]
CameOf = Callable[[Session], Awaitable[Receipt | None]]


class Once:
    """Idempotency keys over the store that all gateways share."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, heartbeat: Heartbeat) -> None:
        self._store = store
        self._keep = timedelta(seconds=settings.idempotency.keep)
        self._retry_after = settings.sagas.lease
        self._clock = clock
        self._heartbeat = heartbeat
        self._owner = heartbeat.owner
        self._running: Counter[str] = Counter()
        self._in_flight: dict[str, datetime] = {}

    async def do(self, key: str | None, meaning: object, work: Work, came_of: CameOf | None = None) -> Receipt:
        """The receipt that the key has, or else that of the work, which is given the key as the store knows it.

        ``meaning`` is everything that the input says. ``came_of`` finds out, by what the session was like before, what
        came of a call that nobody saw end. Raises ``Conflict`` where the key meant something else, and ``InDoubt``
        while nobody knows what came of it. A failure frees the key.
        """
        if key is None:
            return await work(None)
        promise = IdempotencyRecord(
            key=_digest(key.encode()),
            fingerprint=_digest(msgspec.json.encode(meaning, order="sorted")),
            owner=self._owner,
            expires_at=self.kept_until(),
        )
        if (known := await self._reserve(promise, came_of)) is not None:
            return known
        try:
            receipt = await work(promise.key)
            await self._store.idempotency_keys.record_result(
                promise.key, self._owner, msgspec.msgpack.encode(receipt), self.kept_until()
            )
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await self._end(promise.key, error)
            raise
        finally:
            self._stop(promise.key)
        return receipt

    async def release_unattended(self) -> None:
        """Gives up the keys that nobody works on here any more, as the database was away when that ended."""
        now = self._clock.now()
        for held in await self._store.idempotency_keys.unresolved(self._owner):
            if held.key not in self._running and self._in_flight.get(held.key, now) <= now:
                await self._give_up(held)
                self._in_flight.pop(held.key, None)

    def kept_until(self) -> datetime:
        """Until when a key is kept that is used, or whose outcome becomes known, now."""
        return self._clock.now() + self._keep

    async def attempt(self, promise: str, before: Session) -> None:
        """Notes what a session is like, right before the one call that changes it. Raises ``InDoubt``: do not call."""
        if not await self._store.idempotency_keys.record_state_before(promise, self._owner, encode_session(before)):
            raise self._unknown()

    async def _reserve(self, promise: IdempotencyRecord, came_of: CameOf | None) -> Receipt | None:
        """None once the key is ours; the receipt where somebody has kept the promise already."""
        while (held := await self._make(promise)) is not None:
            if held.fingerprint != promise.fingerprint:
                raise Conflict("This key was used for another input. Use a new key for a new intention.", path=_PATH)
            if held.result is not None:
                return decode_receipt(held.result)
            if held.saga is not None:
                await self._require_hope(held.key, held.saga)
            elif await self._heartbeat.dead(held.owner) and await self._inherit(held):
                return await self._settle(held, came_of)
            await self._wait()
        return None

    async def _make(self, promise: IdempotencyRecord) -> IdempotencyRecord | None:
        """Reserves a key, which runs here from before it is reserved; gives the promise that holds it already."""
        self._running[promise.key] += 1
        held: IdempotencyRecord | None = promise
        try:
            held = await self._store.idempotency_keys.reserve(promise, self._clock.now())
        finally:
            if held is not None:
                self._stop(promise.key)
        return held

    async def _inherit(self, held: IdempotencyRecord) -> bool:
        self._running[held.key] += 1
        inherited = False
        try:
            inherited = await self._store.idempotency_keys.take_over(held, self._owner)
        finally:
            if not inherited:
                self._stop(held.key)
        return inherited

    def _stop(self, key: str) -> None:
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]

    async def _require_hope(self, key: str, saga: str) -> None:
        """Raises what came of a saga that did not come to a session; nothing while it is under way."""
        held = await self._store.sagas.get(saga)
        if held is not None and held.state is SagaState.IN_DOUBT:
            raise self._unknown()
        if held is not None and held.state is SagaState.LEFT and await self._bound(key, saga):
            what = ", ".join((held.note or "").split("\n"))
            raise Misbehaved(
                f"This has failed, and has left something behind: {what}. Have that resolved, or use a new key.",
                path=_PATH,
                provider=held.provider,
            )

    async def _bound(self, key: str, saga: str) -> bool:
        """Whether a saga is still what decides on a key: one that has left nothing that people may act on is not."""
        now = await self._store.idempotency_keys.get(key)
        return now is not None and now.saga == saga

    def _unknown(self) -> InDoubt:
        return InDoubt(_UNKNOWN, path=_PATH, retry_after=self._retry_after)

    async def _settle(self, held: IdempotencyRecord, came_of: CameOf | None) -> Receipt | None:
        """What came of the call under a key that nobody minded; None where none was made, or it changed nothing."""
        if held.before is None or came_of is None:
            return None
        try:
            receipt = await came_of(decode_before(held.before))
        except BaseException:
            self._stop(held.key)
            with anyio.CancelScope(shield=True):
                await self._store.idempotency_keys.mark_in_doubt(held.key, self._owner)
            raise
        if receipt is not None:
            self._stop(held.key)
            await self._store.idempotency_keys.record_result(
                held.key, self._owner, msgspec.msgpack.encode(receipt), self.kept_until()
            )
        return receipt

    async def _end(self, key: str, error: BaseException) -> None:
        """Frees the key of work that failed, unless a call was made of which nobody knows what came.

        Where the database is away, that is done once it is back; where the call is in flight, once it has landed.
        """
        problems = expected_errors(error)
        if any(isinstance(each, InDoubt) and each.in_flight for each in problems):
            self._in_flight[key] = self._clock.now() + self._heartbeat.lease
            return
        known = bool(problems) and not any(isinstance(each, InDoubt) for each in problems)
        try:
            held = await self._store.idempotency_keys.get(key)
            if held is not None and held.before is not None and not known:
                await self._store.idempotency_keys.mark_in_doubt(key, self._owner)
            else:
                await self._store.idempotency_keys.release(key, self._owner)
        except Exception:
            _log.warning("an idempotency key could not be given up yet", exc_info=True)

    async def _give_up(self, held: IdempotencyRecord) -> None:
        if held.before is not None:
            await self._store.idempotency_keys.mark_in_doubt(held.key, self._owner)
        else:
            await self._store.idempotency_keys.release(held.key, self._owner)

    async def _wait(self) -> None:
        left = remaining_time(self._clock)
        if left is not None and left <= _LOOK_SECONDS:
            raise Busy("The same request is still under way. Send it again in a while.", path=_PATH)
        await self._clock.sleep(_LOOK_SECONDS)


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=24).hexdigest()
