"""Steps of a saga, recorded in the store before its next call, so that another gateway can roll it forward or compensate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.store import Saga, Store
from gateway.store.session_state.body import DECODE_ERRORS, UnreadableBody, encode_session
from providers.model import Session
from providers.saga import Pivot, Step, Steps


class StoredSteps(Steps):
    """Steps that outlive the process: each is in the store before the next call is made.

    ``unrecorded`` are those that exist at the provider and could not be recorded.
    """

    def __init__(self, store: Store, saga: Saga, made: Mapping[int, Step] | None = None) -> None:
        super().__init__()
        self.unrecorded: list[Step] = []
        self._store = store
        self._saga = saga
        self._places = dict(made or {})
        self.entries = [step for _, step in sorted(self._places.items())]

    @classmethod
    def resumed(cls, store: Store, saga: Saga, stored: Mapping[int, Step], local: StoredSteps | None) -> StoredSteps:
        """The steps of a saga that is settled; ``local`` are those of its run in this process, which the store may lack.

        A pivot that was passed stays passed, also where its refusal has made the stored pivot void.
        """
        steps = cls(store, saga, {**local.placed, **stored} if local is not None and saga.result is None else stored)
        steps.pivot = local.pivot if local is not None else None
        return steps

    @property
    def placed(self) -> Mapping[int, Step]:
        """The steps by their places in the store."""
        return self._places

    async def record_intent(self, name: str) -> None:
        """Records that a call is about to make something; its key comes later, or never."""
        await self._record(self._next(), Step(name, ""))

    async def record(self, name: str, key: str) -> None:
        """Records what a call has made at the provider."""
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
        """Records that from now on the saga is finished, never compensated: ``result`` stays, and ``old`` is removed."""
        await self._store.sagas.record_replacement(self._saga, encode_session(result), old)
        await super().record_replacement(result, old)
        self._places = dict(enumerate(old))

    def _next(self) -> int:
        return max(self._places, default=-1) + 1

    async def _record(self, place: int, step: Step) -> None:
        self._places[place] = step
        self.entries = [each for _, each in sorted(self._places.items())]
        await self._store.sagas.record_step(self._saga, place, step)


def encode_pivot(pivot: Pivot) -> bytes:
    """A pivot as it is stored."""
    return msgspec.msgpack.encode(pivot)


def decode_pivot(body: bytes) -> Pivot:
    """A pivot that was stored. Raises ``UnreadableBody`` for one of another build, which that one can roll forward."""
    try:
        return msgspec.msgpack.decode(body, type=Pivot)
    except DECODE_ERRORS as error:
        raise UnreadableBody("The stored pivot cannot be read.") from error
