"""Saga: records its steps, rolls forward what has passed its pivot, and compensates what has not."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from gateway.directory import Connected
from gateway.store import Store
from gateway.store.sagas import LeaseLost, Saga, SagaLeftover
from gateway.store.session_state.body import UNDECODABLE, UnreadableBody, decode_session, encode_session
from providers.errors import (
    AuthorizationRequired,
    Busy,
    InDoubt,
    Irreversible,
    Misbehaved,
    NotFound,
    SigningError,
    Unavailable,
    Unsupported,
)
from providers.model import Session
from providers.saga import Pivot, Step, Steps

_PASSING = (Unavailable, Busy, InDoubt, Misbehaved, AuthorizationRequired)
"""Why a provider could not be asked now, but may be later."""
_log = logging.getLogger("countersign.sagas")
_UNANSWERED = "Its call was not answered, and nobody can tell what came of it."


class StoredSteps(Steps):
    """Steps that outlive the process: each is in the store before the next call is made.

    ``unrecorded`` are those that exist and could not be recorded.
    """

    def __init__(self, store: Store, saga: Saga, made: Mapping[int, Step] | None = None) -> None:
        super().__init__()
        self.unrecorded: list[Step] = []
        self._store = store
        self._saga = saga
        self._places = dict(made or {})
        self.entries = [step for _, step in sorted(self._places.items())]

    @classmethod
    def resumed(cls, store: Store, saga: Saga, stored: Mapping[int, Step], known: StoredSteps | None) -> StoredSteps:
        """The steps of a saga that is settled, with what is ``known`` of them where it ran in this process.

        That it has passed its pivot stays known, also where its refusal has made the stored pivot void.
        """
        steps = cls(store, saga, {**known.placed, **stored} if known is not None and saga.result is None else stored)
        steps.pivot = known.pivot if known is not None else None
        return steps

    @property
    def placed(self) -> Mapping[int, Step]:
        """The steps by their places in the store."""
        return self._places

    async def record_intent(self, name: str) -> None:
        """Records that something is about to be made; its key comes later, or never."""
        await self._record(self._next(), Step(name, ""))

    async def record(self, name: str, key: str) -> None:
        """Records that something now exists at the provider."""
        announced = (place for place, step in self._places.items() if step == Step(name, ""))
        step = Step(name, key)
        try:
            await self._record(next(announced, self._next()), step)
        except BaseException:
            self.unrecorded.append(step)
            raise

    async def pass_pivot(self, pivot: Pivot) -> None:
        """Records what it takes to roll the saga forward, before the first call that may invite people."""
        await self._store.sagas.pass_pivot(self._saga, encode_pivot(pivot))
        await super().pass_pivot(pivot)

    async def record_replacement(self, result: Session, old: Sequence[Step]) -> None:
        """Records that from now on the saga is finished, not compensated."""
        await self._store.sagas.record_replacement(self._saga, encode_session(result), old)
        await super().record_replacement(result, old)
        self._places = dict(enumerate(old))

    def _next(self) -> int:
        return max(self._places, default=-1) + 1

    async def _record(self, place: int, step: Step) -> None:
        self._places[place] = step
        self.entries = [each for _, each in sorted(self._places.items())]
        await self._store.sagas.record_step(self._saga, place, step)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a saga that did not end by itself.

    ``session`` is what it was rolled forward to, ``things`` what is left behind and ``reason`` why, ``live`` whether people
    may act on any of that, and ``again`` whether it is still in doubt and tried again.
    """

    things: tuple[str, ...] = ()
    reason: str = ""
    live: bool = False
    again: bool = False
    session: Session | None = None

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.things + other.things, self.reason or other.reason, self.live or other.live, self.again or other.again
        )

    def remainder(self, at: datetime) -> SagaLeftover | None:
        """What is left behind, if anything is."""
        return SagaLeftover(tuple(dict.fromkeys(self.things)), self.reason, at, self.live) if self.things else None


AGAIN = Outcome(again=True)
NOTHING = Outcome()


async def settle(
    store: Store, provider: Connected, saga: Saga, steps: StoredSteps, *, in_doubt: bool, in_flight: bool = False
) -> Outcome:
    """Rolls a saga forward where it has passed its pivot, and compensates it otherwise.

    ``in_doubt`` says that a call may have made something that no step tells of. What people were invited to is never
    compensated: it is left, with all that was made for it. While a call is ``in_flight``, that nothing is there proves
    nothing.
    """
    if saga.result is not None:
        return _with_result(await compensate(store, provider, saga, steps.placed, in_doubt=in_doubt), saga.result)
    if saga.pivot is not None:
        try:
            session = await provider.adapter.roll_forward(decode_pivot(saga.pivot), saga.marker, saga.begun_at, steps)
        except (*_PASSING, UnreadableBody):
            return AGAIN
        except Irreversible as error:
            return stays(steps, error, await _traced(provider, saga))
        except SigningError:
            session = None
        if session is None and steps.result is not None:
            outcome = await compensate(store, provider, saga, steps.placed, in_doubt=in_doubt)
            return outcome if outcome.again else replace(outcome, session=steps.result)
        if session is not None:
            return Outcome(session=session)
    if in_flight:
        return AGAIN
    try:
        if in_doubt or steps.pivot is not None:
            await _require_uninvited(provider, steps.entries)
        outcome = await compensate(store, provider, saga, steps.placed, in_doubt=in_doubt)
        if in_doubt and saga.marker:
            outcome += await _compensate_traced(provider, saga, steps.entries)
    except _PASSING:
        return AGAIN
    except Irreversible as error:
        return stays(steps, error, await _traced(provider, saga))
    return outcome


def stays(steps: Steps, error: Irreversible, traced: Sequence[Step] = ()) -> Outcome:
    """Everything is left as it is, also what was found by its marker: people were invited or have acted."""
    things = tuple(dict.fromkeys(_named(step) for step in (*steps.entries, *traced))) or ("what an unanswered call has made",)
    return Outcome(things, error.message, live=True)


async def _traced(provider: Connected, saga: Saga) -> Sequence[Step]:
    """What carries the marker of a saga, as far as the provider can be asked."""
    try:
        return await provider.adapter.find_by_marker(saga.marker, saga.begun_at)
    except SigningError:
        return ()


async def compensate(store: Store, provider: Connected, saga: Saga, made: Mapping[int, Step], *, in_doubt: bool) -> Outcome:
    """Unmakes steps, the last first."""
    outcome = NOTHING
    for place, step in sorted(made.items(), reverse=True):
        if step.key:
            result = await _undo(provider, step)
        else:
            # It was to hold what comes after it, and is empty: nobody can act on it.
            result = replace(_left(step, _UNANSWERED), live=False) if in_doubt else NOTHING
        if result == NOTHING:
            await store.sagas.delete_step(saga.id, place)
        outcome += result
    return outcome


async def _compensate_traced(provider: Connected, saga: Saga, made: Sequence[Step]) -> Outcome:
    """Unmakes what an unanswered call may have made, as far as the provider can be searched for the marker.

    Where it cannot, what matters is whether that call was the only one: any later one only added to what the first
    one made, and went with it.
    """
    try:
        traces = await provider.adapter.find_by_marker(saga.marker, saga.begun_at)
    except _PASSING:
        return AGAIN
    except Unsupported as error:
        return NOTHING if made else Outcome(("what an unanswered call may have made",), error.message, live=True)
    await _require_uninvited(provider, traces)
    outcome = NOTHING
    for step in traces:
        outcome += await _undo(provider, step)
    return outcome


async def _require_uninvited(provider: Connected, steps: Sequence[Step]) -> None:
    """Raises ``Irreversible`` where people were invited to what one of the steps has made, or have acted on it."""
    for step in steps:
        if step.key and await provider.adapter.has_invited(step):
            raise Irreversible(f"People were invited to the {_named(step)}, or have acted on it.", provider=provider.name)


async def _undo(provider: Connected, step: Step) -> Outcome:
    try:
        await provider.adapter.compensate(step)
    except _PASSING:
        return AGAIN
    except NotFound:
        return NOTHING
    except SigningError as error:
        return _left(step, error.message)
    return NOTHING


def doubtful(error: BaseException) -> bool:
    """Whether a call may have made something that no step tells of."""
    if not isinstance(error, SigningError) or isinstance(error, InDoubt | Misbehaved):
        return True
    return isinstance(error, Unavailable) and error.status is not None


def encode_pivot(pivot: Pivot) -> bytes:
    """A pivot as it is stored."""
    return msgspec.msgpack.encode(pivot)


def decode_pivot(body: bytes) -> Pivot:
    """A pivot that was stored. Raises ``UnreadableBody`` for one of another build, which that one can roll forward."""
    try:
        return msgspec.msgpack.decode(body, type=Pivot)
    except UNDECODABLE as error:
        raise UnreadableBody("The stored pivot cannot be read.") from error


def _with_result(outcome: Outcome, result: bytes) -> Outcome:
    """With the session that a saga came to; where only another build can read that, it is left to that one."""
    if outcome.again:
        return outcome
    try:
        return replace(outcome, session=decode_session(result))
    except UnreadableBody:
        return outcome + AGAIN


def _named(step: Step) -> str:
    return f"{step.name} {step.key}" if step.key else f"{step.name} without a known key"


def _left(step: Step, reason: str) -> Outcome:
    return Outcome((_named(step),), reason, live=True)


def tell(error: BaseException, outcome: Outcome, provider: Connected, *, made: bool) -> None:
    """Adds to the error what became of the steps. A doubt that could be settled is none any more: that is raised."""
    if isinstance(error, LeaseLost):
        told = "Another gateway has taken this one for dead, and settles what was made. Send it again in a while."
        raise InDoubt(told, provider=provider.name) from error
    if not isinstance(error, SigningError):
        if outcome.again and isinstance(error, Exception):
            _log.error("a saga was broken off", exc_info=error)
            told = "The gateway could not finish this, and keeps trying to find out what came of it."
            raise InDoubt(told, provider=provider.name) from error
        return
    settled: type[SigningError] = Unavailable
    if outcome.again:
        error.message += " The gateway keeps trying to put this right."
        return
    if outcome.things:
        settled, told = Misbehaved, f" What may be left behind: {', '.join(outcome.things)}."
    elif isinstance(error, InDoubt):
        told = " The gateway has looked: nothing of it is there. Try again."
    else:
        told = " What had been made was removed again." if made else ""
    if isinstance(error, InDoubt):
        raise settled(error.message + told, provider=error.provider, path=error.path, status=error.status) from error
    error.message += told
