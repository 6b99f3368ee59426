"""Writes of several calls, all or nothing: unmade when one fails, when the caller leaves, and when a gateway dies."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import timedelta

import msgspec

from gateway.directory import Connected, Directory
from gateway.settings import SagaSettings
from gateway.store import Store
from gateway.store.sagas import Overtaken, Saga
from gateway.task import end
from gateway.trouble import Trouble
from providers.adapter import Steps
from providers.clock import Clock
from providers.deadline import deadline
from providers.errors import (
    AuthorizationRequired,
    Busy,
    InDoubt,
    Misbehaved,
    NotFound,
    SigningError,
    Unavailable,
    Unsupported,
)
from providers.model import Session
from providers.order import Step

_UNDO_SECONDS = 20.0
_PASSING = (Unavailable, Busy, InDoubt, Misbehaved, AuthorizationRequired)
"""Why something could not be undone now, but may be later."""
_log = logging.getLogger("countersign.sagas")

Work = Callable[[Steps, str], Awaitable[Session]]
Keep = Callable[[Session, str, str | None], Awaitable[Session]]


class StoredSteps(Steps):
    """Steps that outlive the process: each is in the store before the next call is made."""

    def __init__(self, store: Store, saga: Saga) -> None:
        super().__init__()
        self._store = store
        self._saga = saga

    async def will(self, name: str) -> None:
        """Records that something is about to be made; its key comes later, or never."""
        await self._add(len(self.made), Step(name, ""))

    async def did(self, name: str, key: str) -> None:
        """Records that something now exists at the provider."""
        announced = Step(name, "")
        place = self.made.index(announced) if announced in self.made else len(self.made)
        await self._add(place, Step(name, key))

    async def replaced(self, result: Session, old: Sequence[Step]) -> None:
        """Records that from now on the write is finished, not undone."""
        await self._store.sagas.replaced(self._saga, msgspec.msgpack.encode(result), old)
        await super().replaced(result, old)

    async def _add(self, place: int, step: Step) -> None:
        self.made[place : place + 1] = [step]
        await self._store.sagas.made(self._saga, place, step)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a saga that failed: what could not be removed, and whether that is tried again.

    ``session`` is what it came to all the same, where it could only be finished.
    """

    left: tuple[str, ...] = ()
    again: bool = False
    session: Session | None = None

    def __add__(self, other: _Outcome) -> _Outcome:
        return _Outcome(self.left + other.left, self.again or other.again)

    @property
    def note(self) -> str | None:
        """What is left behind."""
        return ", ".join(self.left) or None


_AGAIN = _Outcome(again=True)


class Undertakings:
    """Runs sagas, and puts right those that a dead gateway left: by unmaking what they had made.

    ``keep`` gets the session that a saga came to, its id, and what is left behind; it has to end the saga in the same
    transaction. A gateway that is silent for the time of a lease counts as dead. One that was only slow learns of it
    when it next notes a step or keeps its result, and leaves nothing behind either.
    """

    def __init__(self, directory: Directory, store: Store, settings: SagaSettings, clock: Clock, keep: Keep) -> None:
        self.owner = secrets.token_hex(8)
        self._directory = directory
        self._store = store
        self._settings = settings
        self._clock = clock
        self._keep = keep
        self._silence = Trouble(_log, "this gateway could not say that it is alive")
        self._neglect = Trouble(_log, "abandoned sagas could not be looked after")
        self._running: set[str] = set()
        self._undoing: set[asyncio.Task[_Outcome]] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Shows that this gateway is alive, and begins to look after abandoned sagas. What was left behind is told again."""
        await self._store.sagas.beat(self.owner, self._clock.now())
        for saga in await self._store.sagas.left():
            _log.warning("saga %s at %s has left behind: %s", saga.id, saga.provider, saga.note)
        self._keeper = asyncio.create_task(self._watch(), name="keeper of sagas")

    async def close(self) -> None:
        """Ends; what is still running is left to whoever comes next."""
        await end(*self._undoing, self._keeper)
        await self._store.sagas.leave(self.owner)

    async def run(self, provider: Connected, work: Work, promise: str | None = None) -> Session:
        """Does the work and keeps its result, or leaves nothing behind.

        ``work`` gets the steps to record and the marker to put into what it makes. Raises what the work raises; the
        message then says what became of the steps. While that is in doubt, so is the idempotency key ``promise``.
        """
        marker = secrets.token_hex(6)
        saga = Saga(
            id=secrets.token_hex(16), provider=provider.name, marker=marker, owner=self.owner, begun_at=self._clock.now()
        )
        steps = StoredSteps(self._store, saga)
        self._running.add(saga.id)
        try:
            await self._store.sagas.begin(saga, promise)
            session = await self._keep(await work(steps, marker), saga.id, None)
        except BaseException as error:
            outcome = await asyncio.shield(self._undo(provider, saga, steps, error))
            if outcome.session is not None and isinstance(error, SigningError):
                return outcome.session
            _tell(error, outcome, provider, made=any(step.key for step in steps.made))
            raise
        self._running.discard(saga.id)
        return session

    async def recover(self) -> None:
        """Puts right what abandoned sagas have made. Whatever cannot be reached now is tried again later."""
        since = self._clock.now() - timedelta(seconds=self._settings.lease)
        for saga in await self._store.sagas.unfinished(self.owner, since):
            if saga.id in self._running or saga.provider not in self._directory:
                continue
            if (taken := await self._store.sagas.give_up(saga, self.owner)) is not None:
                outcome = await self._put_right(self._directory.get(saga.provider), taken, {}, in_doubt=True)
                if not outcome.again:
                    _log.warning("saga %s at %s is over; left behind: %s", saga.id, saga.provider, outcome.note or "nothing")
        await self._store.sagas.bury(since)

    async def _watch(self) -> None:
        """Says that this gateway is alive, however long it takes to look after others."""
        async with asyncio.TaskGroup() as tasks:
            looking: asyncio.Task[None] | None = None
            while True:
                with self._silence.survived():
                    await self._store.sagas.beat(self.owner, self._clock.now())
                if looking is None or looking.done():
                    looking = tasks.create_task(self._look_after(), name="recovery of sagas")
                await self._clock.sleep(self._settings.lease / 3)

    async def _look_after(self) -> None:
        with self._neglect.survived():
            await self.recover()
            await self._store.promises.sweep(self._clock.now())
            await self._store.secrets.sweep(self._clock.now())

    def _undo(self, provider: Connected, saga: Saga, steps: Steps, error: BaseException) -> asyncio.Task[_Outcome]:
        """Undoes a saga that failed, even where nobody waits for it any more; it has its own time for that."""
        task = asyncio.create_task(self._undone(provider, saga, steps, error), context=Context())
        self._undoing.add(task)

        def ended(task: asyncio.Task[_Outcome]) -> None:
            self._undoing.discard(task)
            self._running.discard(saga.id)

        task.add_done_callback(ended)
        return task

    async def _undone(self, provider: Connected, saga: Saga, steps: Steps, error: BaseException) -> _Outcome:
        made = dict(enumerate(steps.made))
        try:
            if (taken := await self._store.sagas.give_up(saga, self.owner)) is not None:
                return await self._put_right(provider, taken, made, in_doubt=_doubtful(error))
            if isinstance(error, Overtaken):
                # The gateway that undoes this may not know of the last step.
                with deadline(self._clock, _UNDO_SECONDS):
                    return await self._undo_steps(provider, saga, made, in_doubt=False) + _AGAIN
        except Exception:
            _log.exception("saga %s could not be put right yet", saga.id)
            return _AGAIN
        return _Outcome()

    async def _put_right(self, provider: Connected, saga: Saga, made: Mapping[int, Step], *, in_doubt: bool) -> _Outcome:
        """Unmakes every step, last first, and what carries the marker, unless there is a result: that is kept.

        What cannot be reached now stays in doubt.
        """
        stored = dict(await self._store.sagas.steps(saga.id))
        made = {**made, **stored} if saga.result is None else stored
        with deadline(self._clock, _UNDO_SECONDS):
            outcome = await self._undo_steps(provider, saga, made, in_doubt=in_doubt)
            if in_doubt and saga.result is None:
                outcome += await self._undo_traces(provider, saga, alone=not made)
        if outcome.again:
            await self._store.sagas.doubt(saga.id)
        elif saga.result is None:
            await self._store.sagas.end(saga.id, outcome.note)
        else:
            session = await self._keep(msgspec.msgpack.decode(saga.result, type=Session), saga.id, outcome.note)
            return replace(outcome, session=session)
        return outcome

    async def _undo_steps(self, provider: Connected, saga: Saga, made: Mapping[int, Step], *, in_doubt: bool) -> _Outcome:
        outcome = _Outcome()
        for place, step in sorted(made.items(), reverse=True):
            if step.key:
                result = await _undo(provider, step)
            else:
                result = _Outcome((f"{step.name} without a known key",) if in_doubt else ())
            if result == _Outcome():
                await self._store.sagas.unmade(saga.id, place)
            outcome += result
        return outcome

    async def _undo_traces(self, provider: Connected, saga: Saga, *, alone: bool) -> _Outcome:
        """Removes what an unanswered call may have made, as far as the provider can be asked for it.

        Where it cannot, what matters is whether that call was ``alone``: any later one only added to what the first
        one made, and went with it.
        """
        try:
            traces = await provider.adapter.trace(saga.marker, saga.begun_at)
        except _PASSING:
            return _AGAIN
        except Unsupported as error:
            return _Outcome((error.message.rstrip("."),)) if alone else _Outcome()
        outcome = _Outcome()
        for step in traces:
            outcome += await _undo(provider, step)
        return outcome


async def _undo(provider: Connected, step: Step) -> _Outcome:
    try:
        await provider.adapter.undo(step)
    except _PASSING:
        return _AGAIN
    except NotFound:
        return _Outcome()
    except Unsupported as error:
        return _Outcome((error.message.rstrip("."),))
    except SigningError:
        return _Outcome((f"{step.name} {step.key}",))
    return _Outcome()


def _doubtful(error: BaseException) -> bool:
    """Whether a call may have made something that no step tells of."""
    if not isinstance(error, SigningError) or isinstance(error, InDoubt | Misbehaved):
        return True
    return isinstance(error, Unavailable) and error.status is not None


def _tell(error: BaseException, outcome: _Outcome, provider: Connected, *, made: bool) -> None:
    """Adds to the error what became of the steps. A doubt that could be settled is none any more: that is raised."""
    if isinstance(error, Overtaken):
        told = "Another gateway has taken this one for dead, and removes what was made. Send it again in a while."
        raise InDoubt(told, provider=provider.name) from error
    if not isinstance(error, SigningError):
        return
    settled: type[SigningError] = Unavailable
    if outcome.again:
        error.message += " The gateway keeps trying to put this right."
        return
    if outcome.note is not None:
        settled, told = Misbehaved, f" What may be left behind: {outcome.note}."
    elif isinstance(error, InDoubt):
        told = " The gateway has looked: nothing of it is there. Try again."
    else:
        told = " What had been made was removed again." if made else ""
    if isinstance(error, InDoubt):
        raise settled(error.message + told, provider=error.provider, path=error.path, status=error.status) from error
    error.message += told
