"""Saga manager: runs writes of several calls, and settles those that failed, or that their caller or their gateway left."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.directory import Connected, Directory
from gateway.signing.heartbeat import Heartbeat
from gateway.signing.saga import AGAIN, NOTHING, Outcome, StoredSteps, compensate, doubtful, settle, stays, tell
from gateway.store import Store
from gateway.store.sagas import LeaseLost, Saga, SagaLeftover, SagaState
from gateway.task import end
from gateway.telemetry.log_once import Trouble
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import InDoubt, Irreversible
from providers.http.deadline import deadline
from providers.model import Session
from providers.saga import Step, Steps

_SETTLE_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_FAREWELL_SECONDS = 2.0
_LATE = "It was made after another gateway had finished the same write, and may share documents with what that has made."
_log = logging.getLogger("countersign.sagas")

Work = Callable[[Steps, str], Awaitable[Session]]
Keep = Callable[[Session, str, SagaLeftover | None], Awaitable[Session]]
Chore = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Run:
    """A saga under way here: its steps, whether its work has begun, and the session that the work came to."""

    steps: StoredSteps
    begun: bool = False
    session: Session | None = None


class Undertakings:
    """Runs sagas, and settles those that did not end by themselves: rolls forward what people were invited to, compensates
    everything else.

    ``keep`` gets the session that a saga came to, its id, and what is left behind; it has to end the saga in the same
    transaction. A gateway that was only slow learns that it was taken for dead when it next records a step or keeps its
    result, and leaves nothing behind either.
    """

    def __init__(self, directory: Directory, store: Store, clock: Clock, heartbeat: Heartbeat, keep: Keep) -> None:
        self.owner = heartbeat.owner
        self._directory = directory
        self._store = store
        self._clock = clock
        self._heartbeat = heartbeat
        self._keep = keep
        self._silence = Trouble(_log, "this gateway could not say that it is alive")
        self._neglect = Trouble(_log, "abandoned sagas could not be looked after")
        self._running: set[str] = set()
        self._unsettled: dict[str, StoredSteps] = {}
        self._in_flight: dict[str, datetime] = {}
        self._settling: set[asyncio.Task[Outcome]] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self, *chores: Chore) -> None:
        """Shows that this gateway is alive, and begins to look after abandoned sagas, and the ``chores``."""
        await self._heartbeat.beat()
        self._keeper = asyncio.create_task(self._watch(chores), name="keeper of sagas")

    async def close(self) -> None:
        """Ends; what cannot be settled at once is left to whoever comes next."""
        if self._settling:
            await asyncio.wait(self._settling, timeout=_FAREWELL_SECONDS)
        await end(*self._settling, self._keeper)
        await self._store.gateways.release(self.owner)

    async def run(self, provider: Connected, operation: Operation, work: Work, promise: str | None = None) -> Session:
        """Does the work and keeps its result, or leaves nothing behind.

        ``work`` gets the steps to record and the marker to put into what it makes. Raises what the work raises; the
        message then says what became of the steps. While that is in doubt, so is the idempotency key ``promise``.
        """
        marker = secrets.token_hex(6)
        saga = Saga(
            id=secrets.token_hex(16),
            provider=provider.name,
            marker=marker,
            owner=self.owner,
            begun_at=self._clock.now(),
            operation=operation,
        )
        run = _Run(StoredSteps(self._store, saga))
        self._running.add(saga.id)
        try:
            await self._store.sagas.begin(saga, promise)
            run.begun = True
            run.session = await work(run.steps, marker)
            session = await self._keep(run.session, saga.id, None)
        except BaseException as error:
            outcome = await asyncio.shield(self._settle(provider, saga, run, error))
            if outcome.session is not None and isinstance(error, Exception):
                return outcome.session
            if run.begun:
                tell(error, outcome, provider, made=any(step.key for step in run.steps.entries))
            raise
        self._running.discard(saga.id)
        return session

    async def recover(self) -> None:
        """Settles abandoned sagas, those of each provider apart. Whatever cannot be reached now is tried again later."""
        before, now = self._heartbeat.dead_before, self._clock.now()
        abandoned: dict[str, list[Saga]] = defaultdict(list)
        for saga in await self._store.sagas.unfinished(self.owner, before):
            landed = self._in_flight.get(saga.id, now) <= now
            if saga.id not in self._running and landed and saga.provider in self._directory:
                abandoned[saga.provider].append(saga)
        await asyncio.gather(*(self._recover(self._directory.get(name), sagas) for name, sagas in abandoned.items()))
        if before is not None:
            await self._store.gateways.prune(before)

    async def compensate_again(self, provider: Connected, saga: Saga) -> Outcome:
        """Compensates once more what a saga has left behind; gives what is left then, which stays listed."""
        self._running.add(saga.id)
        try:
            taken = await self._store.sagas.take_over(saga, self.owner)
            if taken is None:
                return NOTHING
            if not saga.marker and not await self._store.sagas.steps(saga.id):
                await self._store.sagas.finish_compensation(saga.id, _remainder(saga))
                return Outcome(tuple((saga.note or "").split("\n")), saga.reason or "")
            outcome = AGAIN
            try:
                outcome = await self._put_right(provider, taken, None, in_doubt=True)
            finally:
                if outcome.again:
                    await asyncio.shield(self._store.sagas.finish_compensation(saga.id, _remainder(saga)))
            return outcome
        finally:
            self._running.discard(saga.id)

    async def dismiss(self, saga: Saga) -> None:
        """Forgets what a saga has left behind."""
        self._running.add(saga.id)
        try:
            if await self._store.sagas.take_over(saga, self.owner) is not None:
                await self._store.sagas.finish_compensation(saga.id)
        finally:
            self._running.discard(saga.id)

    async def _recover(self, provider: Connected, sagas: Sequence[Saga]) -> None:
        """Settles a provider's sagas one by one; one that fails keeps no other from it."""
        failed: Exception | None = None
        for saga in sagas:
            try:
                if (taken := await self._store.sagas.take_over(saga, self.owner)) is not None:
                    await self._put_right(provider, taken, self._unsettled.get(saga.id), in_doubt=True)
            except Exception as error:
                failed = failed or error
        if failed is not None:
            raise failed

    async def _watch(self, chores: Sequence[Chore]) -> None:
        """Says that this gateway is alive, however long it takes to look after others."""
        async with asyncio.TaskGroup() as tasks:
            looking: asyncio.Task[None] | None = None
            while True:
                with self._silence.survived():
                    await self._heartbeat.beat()
                if looking is None or looking.done():
                    looking = tasks.create_task(self._look_after(chores), name="recovery of sagas")
                await self._clock.sleep(self._heartbeat.interval)

    async def _look_after(self, chores: Sequence[Chore]) -> None:
        with self._neglect.survived():
            await self.recover()
            for chore in chores:
                await chore()
            await self._store.idempotency_keys.delete_expired(self._clock.now())
            await self._store.secrets.delete_expired(self._clock.now())

    def _settle(self, provider: Connected, saga: Saga, run: _Run, error: BaseException) -> asyncio.Task[Outcome]:
        """Settles a saga that failed, even where nobody waits for it any more; it has its own time for that."""
        task = asyncio.create_task(self._settled(provider, saga, run, error), context=Context())
        self._settling.add(task)

        def ended(task: asyncio.Task[Outcome]) -> None:
            self._settling.discard(task)
            self._running.discard(saga.id)

        task.add_done_callback(ended)
        return task

    async def _settled(self, provider: Connected, saga: Saga, run: _Run, error: BaseException) -> Outcome:
        in_doubt, in_flight = doubtful(error), isinstance(error, InDoubt) and error.in_flight
        if in_flight:
            self._in_flight[saga.id] = self._clock.now() + self._heartbeat.lease
        self._unsettled[saga.id] = run.steps
        try:
            taken = await self._store.sagas.take_over(saga, self.owner, forward=in_doubt)
            if taken is None:
                self._unsettled.pop(saga.id)
                return await self._lost(provider, saga, run, error)
            stuck = error if isinstance(error, Irreversible) else None
            return await self._put_right(provider, taken, run.steps, in_doubt=in_doubt, in_flight=in_flight, stuck=stuck)
        except Exception:
            _log.exception("saga %s could not be settled yet", saga.id)
            return AGAIN

    async def _lost(self, provider: Connected, saga: Saga, run: _Run, error: BaseException) -> Outcome:
        """What comes of a saga that is over, or in the hands of another gateway, which may not know of the last step."""
        if not isinstance(error, LeaseLost):
            kept = run.session and await self._store.sessions.get(run.session.ref)
            return Outcome(session=kept) if kept else AGAIN
        with deadline(self._clock, _SETTLE_SECONDS):
            if run.steps.pivot is None:
                return await compensate(self._store, provider, saga, run.steps.placed, in_doubt=False) + AGAIN
            await self._list_unadopted(provider, saga, run.steps.unrecorded)
        return AGAIN

    async def _list_unadopted(self, provider: Connected, saga: Saga, unrecorded: Sequence[Step]) -> None:
        """Lists what could not be recorded, unless the other gateway has found it by its marker and adopted it.

        It may share documents with what that gateway has finished, and is not removed.
        """
        until = self._clock.monotonic() + _SETTLE_SECONDS / 2
        while unrecorded and self._clock.monotonic() < until:
            now = await self._store.sagas.get(saga.id)
            if now is None or now.left_at is not None:
                break
            await self._clock.sleep(_LOOK_SECONDS)
        adopted = await self._store.sessions.list_rows(provider.name, [step.key for step in unrecorded])
        things = tuple(f"{step.name} {step.key}" for step in unrecorded if step.key not in adopted)
        if things:
            at = self._clock.now()
            left = replace(saga, id=secrets.token_hex(16), state=SagaState.LEFT, marker="", left_at=at)
            await self._store.sagas.begin(replace(left, note="\n".join(things), reason=_LATE))
            _log.warning("saga %s at %s has left behind: %s", left.id, left.provider, ", ".join(things))

    async def _put_right(
        self,
        provider: Connected,
        saga: Saga,
        known: StoredSteps | None,
        *,
        in_doubt: bool,
        in_flight: bool = False,
        stuck: Irreversible | None = None,
    ) -> Outcome:
        """Settles a saga that is in our hands; what cannot be reached now stays in doubt, or on the list of leftovers.

        ``known`` are its steps where it ran here, as the last may not be in the store.
        """
        steps = StoredSteps.resumed(self._store, saga, dict(await self._store.sagas.steps(saga.id)), known)
        with deadline(self._clock, _SETTLE_SECONDS):
            if stuck is not None:
                outcome = stays(steps, stuck)
            else:
                outcome = await settle(self._store, provider, saga, steps, in_doubt=in_doubt, in_flight=in_flight)
        remainder = outcome.remainder(saga.left_at or self._clock.now())
        if outcome.again:
            left = _remainder(saga)
            await (
                self._store.sagas.mark_in_doubt(saga.id)
                if left is None
                else self._store.sagas.finish_compensation(saga.id, left)
            )
            return outcome
        if outcome.session is not None:
            outcome = replace(outcome, session=await self._keep(outcome.session, saga.id, remainder))
        else:
            await self._store.sagas.finish_compensation(saga.id, remainder)
        self._unsettled.pop(saga.id, None)
        self._in_flight.pop(saga.id, None)
        if remainder is not None and saga.left_at is None:
            _log.warning("saga %s at %s has left behind: %s", saga.id, saga.provider, ", ".join(remainder.things))
        return outcome


def _remainder(saga: Saga) -> SagaLeftover | None:
    return None if saga.note is None else SagaLeftover(tuple(saga.note.split("\n")), saga.reason or "", saga.left_since)
