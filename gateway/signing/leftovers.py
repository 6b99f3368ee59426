"""Leftovers: what sagas could not remove at their providers, listed until somebody resolves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.signing.explaining import Explaining
from gateway.store import Saga, SagaState
from providers.capability import Operation
from providers.errors import NotFound, Refused, Unavailable


class LeftoverAction(StrEnum):
    """RETRY tries once more to remove what is left, DISMISS takes it off the list as it is."""

    RETRY = "RETRY"
    DISMISS = "DISMISS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What a write has left behind at a provider, and why it could not be removed."""

    id: str
    provider: str
    at: datetime
    operation: Operation
    what: tuple[str, ...]
    reason: str

    @classmethod
    def of(cls, saga: Saga) -> Leftover:
        """What this saga has left behind. Builds that kept no operation had sessions made only."""
        return cls(
            id=saga.id,
            provider=saga.provider,
            at=saga.left_since,
            operation=Operation(saga.operation or Operation.CREATE_SESSION),
            what=tuple((saga.note or "").split("\n")),
            reason=saga.reason or "It could not be removed.",
        )


@dataclass(frozen=True, slots=True)
class LeftoverList:
    """A slice of the list of leftovers, and whether there is more."""

    rows: Sequence[Leftover]
    more: bool


class Leftovers(Explaining):
    """Leftovers of the providers that there are for this viewer."""

    async def leftovers(self, limit: int, after: tuple[datetime, str] | None = None) -> LeftoverList:
        """A slice of the list of leftovers, the latest first."""
        names = [each.name for each in self.directory]
        found = await self._store.sagas.leftovers(names, limit + 1, after)
        return LeftoverList([Leftover.of(each) for each in found[:limit]], len(found) > limit)

    async def leftover(self, key: str, path: Sequence[str] = ("id",)) -> Leftover:
        """A leftover. Raises ``NotFound`` where it is resolved."""
        return Leftover.of(await self._left(key, path))

    async def resolve_leftover(self, key: str, action: LeftoverAction, path: Sequence[str] = ("id",)) -> Leftover:
        """Removes what is left, or takes it off the list; gives it as it was. Its idempotency key can be used again.

        Raises ``Unavailable`` where its provider cannot be asked now, and ``Refused`` where it still cannot be removed.
        """
        saga = await self._left(key, path)
        if action is LeftoverAction.DISMISS:
            await self._undertakings.dismiss(saga)
            return Leftover.of(saga)
        outcome = await self._undertakings.compensate_again(self.directory.get(saga.provider), saga)
        if outcome.again:
            what = f"{saga.provider} cannot be asked now. What is left stays on the list: try again in a while."
            raise Unavailable(what, provider=saga.provider, path=path)
        if outcome.things:
            what = f"{', '.join(outcome.things)} could not be removed: {outcome.reason} Dismiss it once that is dealt with."
            raise Refused(what, provider=saga.provider, path=path)
        return Leftover.of(saga)

    async def _left(self, key: str, path: Sequence[str]) -> Saga:
        saga = await self._store.sagas.get(key)
        if saga is None or saga.state is not SagaState.LEFT or saga.provider not in self.directory:
            raise NotFound("There is no such leftover (any more).", path=path)
        return saga
