"""Roll forward and compensation of a saga: forward where it has passed its pivot, back where it has not."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.directory import ConnectedProvider
from gateway.signing.saga.steps import StoredSteps, decode_pivot
from gateway.store import Store
from gateway.store.sagas import LeaseLost, Saga, SagaLeftover
from gateway.store.session_state.body import UnreadableBody, decode_session
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
from providers.saga import Step, Steps

_TRANSIENT = (Unavailable, Busy, InDoubt, Misbehaved, AuthorizationRequired)
"""The provider could not be asked now, and may be later."""
_UNANSWERED = "Its call was not answered, and nobody can tell what came of it."
_log = logging.getLogger("countersign.sagas")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of settling a saga that did not end by itself.

    ``session`` is what it was rolled forward to, ``things`` is left behind for a ``reason``, ``live`` says that people may act
    on some of that, and ``again`` that the saga is still in doubt and will be settled again.
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

    def leftover(self, at: datetime) -> SagaLeftover | None:
        """The leftover of the saga, if there is one."""
        return SagaLeftover(tuple(dict.fromkeys(self.things)), self.reason, at, self.live) if self.things else None


AGAIN = Outcome(again=True)
NOTHING = Outcome()


async def settle(
    store: Store, provider: ConnectedProvider, saga: Saga, steps: StoredSteps, *, in_doubt: bool, in_flight: bool = False
) -> Outcome:
    """Rolls a saga forward where it has passed its pivot, and compensates it otherwise.

    ``in_doubt`` says that a call may have made something that no step tells of. What people were invited to is never
    compensated: it is left, with all that was made for it. While a call is ``in_flight``, that nothing is there proves
    nothing.
    """
    if saga.result is not None:
        return _with_result(await compensate(store, provider, saga, steps.placed, in_doubt=in_doubt), saga.result)
    if saga.pivot is not None:
        outcome = await _roll_forward(store, provider, saga, steps, saga.pivot, in_doubt=in_doubt)
        if outcome is not None:
            return outcome
    return AGAIN if in_flight else await _compensate_uninvited(store, provider, saga, steps, in_doubt=in_doubt)


async def _roll_forward(
    store: Store, provider: ConnectedProvider, saga: Saga, steps: StoredSteps, pivot: bytes, *, in_doubt: bool
) -> Outcome | None:
    """Rolls a saga forward from its pivot; None where the provider has refused what comes behind it."""
    try:
        session = await provider.adapter.roll_forward(decode_pivot(pivot), saga.marker, saga.begun_at, steps)
    except (*_TRANSIENT, UnreadableBody):
        return AGAIN
    except Irreversible as error:
        return stays(steps, error, await _traced(provider, saga))
    except SigningError:
        session = None
    if session is not None:
        return Outcome(session=session)
    if steps.result is None:
        return None
    outcome = await compensate(store, provider, saga, steps.placed, in_doubt=in_doubt)
    return outcome if outcome.again else replace(outcome, session=steps.result)


async def _compensate_uninvited(
    store: Store, provider: ConnectedProvider, saga: Saga, steps: StoredSteps, *, in_doubt: bool
) -> Outcome:
    """Compensates a saga to which nobody was invited; otherwise everything stays as it is."""
    try:
        if in_doubt or steps.pivot is not None:
            await _require_uninvited(provider, steps.entries)
        outcome = await compensate(store, provider, saga, steps.placed, in_doubt=in_doubt)
        if in_doubt and saga.marker:
            outcome += await _compensate_traced(provider, saga, steps.entries)
    except _TRANSIENT:
        return AGAIN
    except Irreversible as error:
        return stays(steps, error, await _traced(provider, saga))
    return outcome


def stays(steps: Steps, error: Irreversible, traced: Sequence[Step] = ()) -> Outcome:
    """Leaves everything as it is, also what was found by the marker: people were invited or have acted."""
    things = tuple(dict.fromkeys(_label(step) for step in (*steps.entries, *traced))) or ("what an unanswered call has made",)
    return Outcome(things, error.message, live=True)


async def _traced(provider: ConnectedProvider, saga: Saga) -> Sequence[Step]:
    """Steps found at the provider by the saga's marker; empty where it cannot be searched."""
    try:
        return await provider.adapter.find_by_marker(saga.marker, saga.begun_at)
    except SigningError:
        return ()


async def compensate(
    store: Store, provider: ConnectedProvider, saga: Saga, made: Mapping[int, Step], *, in_doubt: bool
) -> Outcome:
    """Compensates steps, the last first."""
    outcome = NOTHING
    for place, step in sorted(made.items(), reverse=True):
        if step.key:
            result = await _undo(provider, step)
        else:
            # A container for later steps, and empty: nobody can act on it.
            result = replace(_left(step, _UNANSWERED), live=False) if in_doubt else NOTHING
        if result == NOTHING:
            await store.sagas.delete_step(saga.id, place)
        outcome += result
    return outcome


async def _compensate_traced(provider: ConnectedProvider, saga: Saga, made: Sequence[Step]) -> Outcome:
    """Compensates what an unanswered call may have made, found by the saga's marker.

    Where the provider cannot be searched, it matters whether that call was the only one: a later call only adds to what the
    first one made, and is compensated with that.
    """
    try:
        traces = await provider.adapter.find_by_marker(saga.marker, saga.begun_at)
    except _TRANSIENT:
        return AGAIN
    except Unsupported as error:
        return NOTHING if made else Outcome(("what an unanswered call may have made",), error.message, live=True)
    await _require_uninvited(provider, traces)
    outcome = NOTHING
    for step in traces:
        outcome += await _undo(provider, step)
    return outcome


async def _require_uninvited(provider: ConnectedProvider, steps: Sequence[Step]) -> None:
    """Raises ``Irreversible`` where people were invited to what one of the steps has made, or have acted on it."""
    for step in steps:
        if step.key and await provider.adapter.has_invited(step):
            raise Irreversible(f"People were invited to the {_label(step)}, or have acted on it.", provider=provider.name)


async def _undo(provider: ConnectedProvider, step: Step) -> Outcome:
    try:
        await provider.adapter.compensate(step)
    except _TRANSIENT:
        return AGAIN
    except NotFound:
        return NOTHING
    except SigningError as error:
        return _left(step, error.message)
    return NOTHING


def is_doubtful(error: BaseException) -> bool:
    """Whether a call may have made something that is not recorded as a step."""
    if not isinstance(error, SigningError) or isinstance(error, InDoubt | Misbehaved):
        return True
    return isinstance(error, Unavailable) and error.status is not None


def _with_result(outcome: Outcome, result: bytes) -> Outcome:
    """The outcome with the saga's result; one that only another build can decode is left to that build."""
    if outcome.again:
        return outcome
    try:
        return replace(outcome, session=decode_session(result))
    except UnreadableBody:
        return outcome + AGAIN


def _label(step: Step) -> str:
    return f"{step.name} {step.key}" if step.key else f"{step.name} without a known key"


def _left(step: Step, reason: str) -> Outcome:
    return Outcome((_label(step),), reason, live=True)


def failure(error: BaseException, outcome: Outcome, provider: ConnectedProvider, *, made: bool) -> BaseException:
    """The error to raise for a saga that failed: it says what became of its steps. A settled doubt is none any more."""
    if isinstance(error, LeaseLost):
        overtaken = "Another gateway has taken this one for dead, and settles what was made. Send it again in a while."
        return InDoubt(overtaken, provider=provider.name)
    if not isinstance(error, SigningError):
        if not (outcome.again and isinstance(error, Exception)):
            return error
        _log.error("a saga was broken off", exc_info=error)
        open_ = "The gateway could not finish this, and keeps trying to find out what came of it."
        return InDoubt(open_, provider=provider.name)
    if outcome.again:
        return error.saying_also(" The gateway keeps trying to put this right.")
    settled: type[SigningError] = Unavailable
    if outcome.things:
        settled, more = Misbehaved, f" What may be left behind: {', '.join(outcome.things)}."
    elif isinstance(error, InDoubt):
        more = " The gateway has looked: nothing of it is there. Try again."
    else:
        more = " What had been made was removed again." if made else ""
    if isinstance(error, InDoubt):
        return settled(error.message + more, provider=error.provider, path=error.path, status=error.status)
    return error.saying_also(more)
