"""Saga settler: ends sagas that did not end by themselves, and commits the sessions that sagas have made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import msgspec

from gateway.directory import ConnectedProvider
from gateway.signing.saga.gateway_liveness import GatewayLiveness
from gateway.signing.saga.idempotency import IdempotencyKeys
from gateway.signing.saga.receipt import Receipt
from gateway.signing.saga.roll_forward import AGAIN, Outcome, settle, stays
from gateway.signing.saga.steps import StoredSteps
from gateway.signing.sessions.observe import Observation
from gateway.signing.sessions.tombstones import deleted
from gateway.store import Saga, SagaCommit, Store
from gateway.store.sagas import SagaLeftover
from providers.clock import Clock
from providers.errors import Irreversible
from providers.http.deadline import deadline
from providers.model import ChangeSource, Session, SessionStatus

SETTLE_SECONDS = 20.0
_log = logging.getLogger("countersign.sagas")


class SagaSettler:
    """Settles sagas that this gateway owns: rolls forward what people were invited to, compensates everything else.

    It knows which sagas run here, which of their calls are in flight, and which steps could not be recorded.
    """

    def __init__(
        self, store: Store, observation: Observation, keys: IdempotencyKeys, heartbeat: GatewayLiveness, clock: Clock
    ) -> None:
        self.owner = heartbeat.owner
        self._sagas = store.sagas
        self._store = store
        self._observation = observation
        self._keys = keys
        self._lease = heartbeat.lease
        self._clock = clock
        self._running: set[str] = set()
        self._in_flight: dict[str, datetime] = {}
        self._steps: dict[str, StoredSteps] = {}
        """Steps of sagas that have run here and are not settled."""

    def start(self, saga: Saga) -> None:
        """Marks a saga as running here, so that its recovery is left to whoever runs it."""
        self._running.add(saga.id)

    def stop(self, saga: Saga) -> None:
        """Marks a saga as not running here any more."""
        self._running.discard(saga.id)

    @contextmanager
    def running(self, saga: Saga) -> Iterator[None]:
        """Marks a saga as running here meanwhile."""
        self.start(saga)
        try:
            yield
        finally:
            self.stop(saga)

    def is_idle(self, saga: Saga) -> bool:
        """Whether a saga does not run here, and none of its calls can be in flight any more."""
        now = self._clock.now()
        return saga.id not in self._running and self._in_flight.get(saga.id, now) <= now

    def keep_steps(self, saga: Saga, steps: StoredSteps, *, in_flight: bool) -> None:
        """Keeps the steps of a failed run until its saga is settled; a call ``in_flight`` lands within a lease."""
        if in_flight:
            self._in_flight[saga.id] = self._clock.now() + self._lease
        self._steps[saga.id] = steps

    def steps_of(self, saga: Saga) -> StoredSteps | None:
        """The steps of a saga that has run here and is not settled."""
        return self._steps.get(saga.id)

    def drop_steps(self, saga: Saga) -> None:
        """Drops the steps of a saga that another gateway settles, or that is over."""
        self._steps.pop(saga.id, None)

    async def take_over(self, saga: Saga, *, forward: bool = True) -> Saga | None:
        """Makes this gateway the owner of a saga; None where it has ended, or another gateway was faster."""
        return await self._sagas.take_over(saga, self.owner, forward=forward)

    async def settle(
        self,
        provider: ConnectedProvider,
        saga: Saga,
        local: StoredSteps | None = None,
        *,
        in_doubt: bool = True,
        in_flight: bool = False,
        irreversible: Irreversible | None = None,
    ) -> Outcome:
        """Settles a saga that was taken over; where the provider cannot be reached now, it stays in doubt, or a leftover.

        ``local`` are its steps where it ran here, as the last may not be in the store.
        """
        steps = StoredSteps.resumed(self._store, saga, dict(await self._sagas.steps(saga.id)), local)
        with deadline(self._clock, SETTLE_SECONDS):
            if irreversible is not None:
                outcome = stays(steps, irreversible)
            else:
                outcome = await settle(self._store, provider, saga, steps, in_doubt=in_doubt, in_flight=in_flight)
        leftover = outcome.leftover(saga.left_at or self._clock.now())
        if outcome.again:
            left = _leftover(saga)
            await (self._sagas.mark_in_doubt(saga.id) if left is None else self._sagas.finish_compensation(saga.id, left))
            return outcome
        if outcome.session is not None:
            outcome = replace(outcome, session=await self.commit(outcome.session, saga, leftover))
        else:
            await self._sagas.finish_compensation(saga.id, leftover)
        self.drop_steps(saga)
        self._in_flight.pop(saga.id, None)
        if leftover is not None and saga.left_at is None:
            _log.warning("saga %s at %s has left behind: %s", saga.id, saga.provider, ", ".join(leftover.things))
        return outcome

    async def commit(self, session: Session, saga: Saga, leftover: SagaLeftover | None = None) -> Session:
        """Observes the session that a saga has made. In the same transaction the saga ends, and its key gets its receipt."""
        session = deleted(session) if session.status is SessionStatus.DELETED else session
        receipt = msgspec.msgpack.encode(Receipt(session.ref))
        commit = SagaCommit(saga=saga.id, owner=self.owner, result=receipt, until=self._keys.expiry(), leftover=leftover)
        return await self._observation.observe(session, ChangeSource.MUTATION, saga_commit=commit)

    async def compensate_again(self, provider: ConnectedProvider, saga: Saga) -> Outcome:
        """Compensates once more what a saga has left behind; gives what is left then, which stays listed."""
        with self.running(saga):
            taken = await self.take_over(saga)
            if taken is None:
                return Outcome()
            if not saga.marker and not await self._sagas.steps(saga.id):
                await self._sagas.finish_compensation(saga.id, _leftover(saga))
                return Outcome(tuple((saga.note or "").split("\n")), saga.reason or "")
            outcome = AGAIN
            try:
                outcome = await self.settle(provider, taken)
            finally:
                if outcome.again:
                    await asyncio.shield(self._sagas.finish_compensation(saga.id, _leftover(saga)))
            return outcome

    async def dismiss(self, saga: Saga) -> None:
        """Forgets what a saga has left behind."""
        with self.running(saga):
            if await self.take_over(saga) is not None:
                await self._sagas.finish_compensation(saga.id)


def _leftover(saga: Saga) -> SagaLeftover | None:
    """The leftover that a saga has already, if it has one."""
    return None if saga.note is None else SagaLeftover(tuple(saga.note.split("\n")), saga.reason or "", saga.left_since)
