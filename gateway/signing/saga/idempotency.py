"""Idempotency keys: the same key and input give the same result, after a restart and at another gateway too."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import anyio
import msgspec

from gateway.config import Settings
from gateway.signing.saga.gateway_liveness import GatewayLiveness
from gateway.signing.saga.receipt import Receipt, Written, decode_before, decode_receipt
from gateway.store import IdempotencyRecord, SagaState, Store
from gateway.store.session_state.body import encode_session
from providers.clock import Clock
from providers.errors import Busy, Conflict, InDoubt, Misbehaved, expected_errors
from providers.http.deadline import remaining_time
from providers.model import Session

_POLL_SECONDS = 0.05
_PATH = ("input", "idempotencyKey")
_UNKNOWN = "The gateway is still finding out what came of this. Send it again in a while."
_log = logging.getLogger("countersign.idempotency")

Work: TypeAlias = Callable[[str | None], Awaitable[Written]]
"""Does a write; it is given the idempotency key as the store has it."""
FindOutcome: TypeAlias = Callable[[Session], Awaitable[Written | None]]
"""Finds what a call has changed whose end nobody saw, by the session's state before it; None where it changed nothing."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """The key is held by this gateway, and nothing was done under it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The work under the key is done."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Abandoned:
    """This gateway has taken the key over from one that did not finish. ``before`` is the state before an unfinished call."""

    before: bytes | None


@dataclass(frozen=True, slots=True)
class Running:
    """Another request, here or at another gateway, works under the key."""


KeyState: TypeAlias = Reserved | Finished | Abandoned | Running


class IdempotencyKeys:
    """Idempotency keys over the store that all gateways share."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, heartbeat: GatewayLiveness) -> None:
        self._store = store
        self._ttl = timedelta(seconds=settings.idempotency.keep)
        self._retry_after = settings.sagas.lease
        self._clock = clock
        self._heartbeat = heartbeat
        self._owner = heartbeat.owner
        self._local: Counter[str] = Counter()
        """Keys that requests at this gateway work under."""
        self._in_flight: dict[str, datetime] = {}

    async def run(self, key: str | None, meaning: object, work: Work, find_outcome: FindOutcome | None = None) -> Written:
        """Does the work and records its receipt, or gives the receipt that the key has already.

        ``meaning`` is everything that the input says. Raises ``Conflict`` where the key meant something else, and ``InDoubt``
        while nobody knows what came of it. A failure releases the key.
        """
        if key is None:
            return await work(None)
        record = IdempotencyRecord(
            key=_digest(key.encode()),
            fingerprint=_digest(msgspec.json.encode(meaning, order="sorted")),
            owner=self._owner,
            expires_at=self.expiry(),
        )
        state = await self._claim(record)
        if isinstance(state, Finished):
            return Written(state.receipt)
        try:
            if isinstance(state, Abandoned) and (written := await self._settle(record.key, state.before, find_outcome)):
                return written
            return await self._do(record.key, work)
        finally:
            self._uncount(record.key)

    async def record_before(self, key: str, before: Session) -> None:
        """Records the state of a session right before the one call that changes it. Raises ``InDoubt``: do not call."""
        if not await self._store.idempotency_keys.record_state_before(key, self._owner, encode_session(before)):
            raise self._in_doubt()

    async def release_unattended(self) -> None:
        """Releases keys of this gateway that no request works under any more, as the database was down when that ended."""
        now = self._clock.now()
        for stored in await self._store.idempotency_keys.unresolved(self._owner):
            if stored.key not in self._local and self._in_flight.get(stored.key, now) <= now:
                await self._release(stored.key, in_doubt=stored.before is not None)
                self._in_flight.pop(stored.key, None)

    def expiry(self) -> datetime:
        """The expiry of a key that is used, or whose receipt is recorded, now."""
        return self._clock.now() + self._ttl

    async def _claim(self, record: IdempotencyRecord) -> Reserved | Finished | Abandoned:
        """Waits until the key is this gateway's, which is counted as local then, or its work is finished."""
        while isinstance(state := await self._state(record), Running):
            await self._wait()
        return state

    async def _state(self, record: IdempotencyRecord) -> KeyState:
        """Tries to reserve a key; gives the state of it. Raises ``Conflict``, ``InDoubt`` and ``Misbehaved``."""
        stored = await self._reserve(record)
        if stored is None:
            return Reserved()
        if stored.fingerprint != record.fingerprint:
            raise Conflict("This key was used for another input. Use a new key for a new intention.", path=_PATH)
        if stored.result is not None:
            return Finished(decode_receipt(stored.result))
        if stored.saga is not None:
            await self._require_running(stored.key, stored.saga)
        elif await self._heartbeat.is_dead(stored.owner) and await self._take_over(stored):
            return Abandoned(stored.before)
        return Running()

    async def _reserve(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        """Reserves a key, counted as local before it is reserved; gives the stored record of it otherwise."""
        self._local[record.key] += 1
        stored: IdempotencyRecord | None = record
        try:
            stored = await self._store.idempotency_keys.reserve(record, self._clock.now())
        finally:
            if stored is not None:
                self._uncount(record.key)
        return stored

    async def _take_over(self, stored: IdempotencyRecord) -> bool:
        self._local[stored.key] += 1
        ours = False
        try:
            ours = await self._store.idempotency_keys.take_over(stored, self._owner)
        finally:
            if not ours:
                self._uncount(stored.key)
        return ours

    def _uncount(self, key: str) -> None:
        self._local[key] -= 1
        if not self._local[key]:
            del self._local[key]

    async def _require_running(self, key: str, saga: str) -> None:
        """Raises the failure of a saga that ended without a session; nothing while it is under way."""
        stored = await self._store.sagas.get(saga)
        if stored is not None and stored.state is SagaState.IN_DOUBT:
            raise self._in_doubt()
        if stored is not None and stored.state is SagaState.LEFT and await self._is_bound(key, saga):
            things = ", ".join((stored.note or "").split("\n"))
            raise Misbehaved(
                f"This has failed, and has left something behind: {things}. Have that resolved, or use a new key.",
                path=_PATH,
                provider=stored.provider,
            )

    async def _is_bound(self, key: str, saga: str) -> bool:
        """Whether a key still waits for a saga: not for one whose leftover people cannot act on."""
        record = await self._store.idempotency_keys.get(key)
        return record is not None and record.saga == saga

    async def _do(self, key: str, work: Work) -> Written:
        try:
            written = await work(key)
            if not written.recorded:
                await self._record(key, written)
        except BaseException as error:
            for each in expected_errors(error):
                if isinstance(each, InDoubt) and each.retry_after is None:
                    each.retry_after = self._retry_after
            with anyio.CancelScope(shield=True):
                await self._fail(key, error)
            raise
        return written

    async def _settle(self, key: str, before: bytes | None, find_outcome: FindOutcome | None) -> Written | None:
        """Finds and records what an unfinished call has changed; None where none was made, or it changed nothing."""
        if before is None or find_outcome is None:
            return None
        try:
            written = await find_outcome(decode_before(before))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._store.idempotency_keys.mark_in_doubt(key, self._owner)
            raise
        if written is not None:
            await self._record(key, written)
        return written

    async def _record(self, key: str, written: Written) -> None:
        await self._store.idempotency_keys.record_result(
            key, self._owner, msgspec.msgpack.encode(written.receipt), self.expiry()
        )

    async def _fail(self, key: str, error: BaseException) -> None:
        """Releases the key of work that failed, or marks it in doubt where a call was made of unknown outcome.

        Where the database is down, that is done once it is back; where the call is in flight, once it must have landed.
        """
        problems = expected_errors(error)
        if any(isinstance(each, InDoubt) and each.in_flight for each in problems):
            self._in_flight[key] = self._clock.now() + self._heartbeat.lease
            return
        settled = bool(problems) and not any(isinstance(each, InDoubt) for each in problems)
        try:
            stored = await self._store.idempotency_keys.get(key)
            await self._release(key, in_doubt=stored is not None and stored.before is not None and not settled)
        except Exception:
            _log.warning("an idempotency key could not be released yet", exc_info=True)

    async def _release(self, key: str, *, in_doubt: bool) -> None:
        if in_doubt:
            await self._store.idempotency_keys.mark_in_doubt(key, self._owner)
        else:
            await self._store.idempotency_keys.release(key, self._owner)

    async def _wait(self) -> None:
        left = remaining_time(self._clock)
        if left is not None and left <= _POLL_SECONDS:
            raise Busy("The same request is still under way. Send it again in a while.", path=_PATH)
        await self._clock.sleep(_POLL_SECONDS)

    def _in_doubt(self) -> InDoubt:
        return InDoubt(_UNKNOWN, path=_PATH, retry_after=self._retry_after)


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=24).hexdigest()
