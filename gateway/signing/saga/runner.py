"""Saga runner: does writes of several calls, and settles those that fail, or that their caller leaves."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from typing import TypeAlias

from gateway.directory import ConnectedProvider
from gateway.signing.saga.receipt import Receipt, Written
from gateway.signing.saga.roll_forward import AGAIN, Outcome, compensate, failure, is_doubtful
from gateway.signing.saga.settler import SETTLE_SECONDS, SagaSettler
from gateway.signing.saga.steps import StoredSteps
from gateway.store import Saga, SagaState, Store
from gateway.store.sagas import LeaseLost
from gateway.task import cancel_and_wait
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import Busy, InDoubt, Irreversible
from providers.http.deadline import deadline
from providers.model import Session
from providers.saga import Step, Steps

_POLL_SECONDS = 0.05
_CLOSE_SECONDS = 2.0
_LATE = "It was made after another gateway had finished the same write, and may share documents with what that has made."
_KEY = ("input", "idempotencyKey")
_log = logging.getLogger("countersign.sagas")

SagaWork: TypeAlias = Callable[[Steps, str], Awaitable[Session]]
"""Does a write; it is given the steps to record, and the marker to put into what it makes."""


@dataclass(slots=True)
class _Run:
    """A saga under way: its steps, whether it was recorded as begun, and the session that its work has made."""

    steps: StoredSteps
    begun: bool = False
    session: Session | None = None


class SagaRunner:
    """Runs sagas.

    A gateway that was only slow learns that another has taken it for dead when it next records a step or commits its
    session, and leaves nothing behind either.
    """

    def __init__(self, store: Store, settler: SagaSettler, clock: Clock) -> None:
        self._store = store
        self._settler = settler
        self._clock = clock
        self._settling: set[asyncio.Task[Outcome]] = set()

    async def close(self) -> None:
        """Ends; a saga that cannot be settled within two seconds is left to the next gateway."""
        if self._settling:
            await asyncio.wait(self._settling, timeout=_CLOSE_SECONDS)
        await cancel_and_wait(*self._settling)

    async def run(self, provider: ConnectedProvider, operation: Operation, work: SagaWork, key: str | None = None) -> Written:
        """Does the work and commits its session, or leaves nothing behind.

        Raises what the work raises, with what became of the steps. While that is in doubt, so is the idempotency key.
        """
        saga = Saga(
            id=secrets.token_hex(16),
            provider=provider.name,
            marker=secrets.token_hex(6),
            owner=self._settler.owner,
            begun_at=self._clock.now(),
            operation=operation,
        )
        run = _Run(StoredSteps(self._store, saga))
        self._settler.start(saga)
        try:
            await self._begin(saga, key)
            run.begun = True
            run.session = await work(run.steps, saga.marker)
            session = await self._settler.commit(run.session, saga)
        except BaseException as error:
            outcome = await asyncio.shield(self._settle(provider, saga, run, error))
            if outcome.session is not None and isinstance(error, Exception):
                return _written(outcome.session)
            if not run.begun:
                raise
            explained = failure(error, outcome, provider, made=any(step.key for step in run.steps.entries))
            if explained is error:
                raise
            raise explained from error
        self._settler.stop(saga)
        return _written(session)

    async def _begin(self, saga: Saga, key: str | None) -> None:
        """Records a saga before its first call. Raises ``Busy`` where its key is another request's by now."""
        try:
            await self._store.sagas.begin(saga, key)
        except LeaseLost:
            raise Busy("The same request is still under way. Send it again in a while.", path=_KEY) from None

    def _settle(self, provider: ConnectedProvider, saga: Saga, run: _Run, error: BaseException) -> asyncio.Task[Outcome]:
        """Settles a saga that failed, in a task and a time of its own: its caller may not wait for it."""
        task = asyncio.create_task(self._settle_failed(provider, saga, run, error), context=Context())
        self._settling.add(task)

        def settled(task: asyncio.Task[Outcome]) -> None:
            self._settling.discard(task)
            self._settler.stop(saga)

        task.add_done_callback(settled)
        return task

    async def _settle_failed(self, provider: ConnectedProvider, saga: Saga, run: _Run, error: BaseException) -> Outcome:
        in_doubt, in_flight = is_doubtful(error), isinstance(error, InDoubt) and error.in_flight
        self._settler.keep_steps(saga, run.steps, in_flight=in_flight)
        try:
            taken = await self._settler.take_over(saga, forward=in_doubt)
            if taken is None:
                self._settler.drop_steps(saga)
                return await self._settle_lost(provider, saga, run, error)
            return await self._settler.settle(
                provider,
                taken,
                run.steps,
                in_doubt=in_doubt,
                in_flight=in_flight,
                irreversible=error if isinstance(error, Irreversible) else None,
            )
        except Exception:
            _log.exception("saga %s could not be settled yet", saga.id)
            return AGAIN

    async def _settle_lost(self, provider: ConnectedProvider, saga: Saga, run: _Run, error: BaseException) -> Outcome:
        """Settles a saga that is over, or that another gateway has taken over, which may lack its last step."""
        if not isinstance(error, LeaseLost):
            session = run.session and await self._store.sessions.get(run.session.ref)
            return Outcome(session=session) if session else AGAIN
        with deadline(self._clock, SETTLE_SECONDS):
            if run.steps.pivot is None:
                return await compensate(self._store, provider, saga, run.steps.placed, in_doubt=False) + AGAIN
            await self._list_unadopted(provider, saga, run.steps.unrecorded)
        return AGAIN

    async def _list_unadopted(self, provider: ConnectedProvider, saga: Saga, unrecorded: Sequence[Step]) -> None:
        """Lists what could not be recorded as a leftover, unless the other gateway has adopted it by its marker.

        It is not removed, as it may share documents with what that gateway has finished.
        """
        until = self._clock.monotonic() + SETTLE_SECONDS / 2
        while unrecorded and self._clock.monotonic() < until:
            now = await self._store.sagas.get(saga.id)
            if now is None or now.left_at is not None:
                break
            await self._clock.sleep(_POLL_SECONDS)
        adopted = await self._store.sessions.list_rows(provider.name, [step.key for step in unrecorded])
        things = tuple(f"{step.name} {step.key}" for step in unrecorded if step.key not in adopted)
        if things:
            at = self._clock.now()
            left = replace(saga, id=secrets.token_hex(16), state=SagaState.LEFT, marker="", left_at=at)
            await self._store.sagas.begin(replace(left, note="\n".join(things), reason=_LATE))
            _log.warning("saga %s at %s has left behind: %s", left.id, left.provider, ", ".join(things))


def _written(session: Session) -> Written:
    return Written(Receipt(session.ref), session, recorded=True)
