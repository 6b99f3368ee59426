"""Leftovers: what sagas could not remove at their providers, listed until somebody resolves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.signing.policy import Policy
from gateway.signing.saga.settler import SagaSettler
from gateway.store import Saga, SagaState, Store
from providers.capability import Operation
from providers.errors import NotFound, Refused, Unavailable


class LeftoverAction(StrEnum):
    """RETRY tries once more to remove a leftover, DISMISS takes it off the list as it is."""

    RETRY = "RETRY"
    DISMISS = "DISMISS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Things that a write has left behind at a provider, and why they could not be removed."""

    id: str
    provider: str
    at: datetime
    operation: Operation
    what: tuple[str, ...]
    reason: str

    @classmethod
    def of(cls, saga: Saga) -> Leftover:
        """The leftover of a saga. Builds that stored no operation had creation only."""
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


class Leftovers:
    """Leftovers at the providers of one viewer."""

    def __init__(self, policy: Policy, store: Store, settler: SagaSettler) -> None:
        self._policy = policy
        self._sagas = store.sagas
        self._settler = settler

    async def leftovers(self, limit: int, after: tuple[datetime, str] | None = None) -> LeftoverList:
        """A slice of the list of leftovers, the latest first."""
        self._policy.require("leftovers")
        names = [each.name for each in self._policy.directory]
        rows = await self._sagas.leftovers(names, limit + 1, after)
        return LeftoverList([Leftover.of(each) for each in rows[:limit]], len(rows) > limit)

    async def leftover(self, key: str, path: Sequence[str] = ("id",)) -> Leftover:
        """A leftover. Raises ``NotFound`` where it is resolved."""
        self._policy.require("leftover")
        return Leftover.of(await self._saga(key, path))

    async def resolve_leftover(self, key: str, action: LeftoverAction, path: Sequence[str] = ("id",)) -> Leftover:
        """Removes a leftover, or takes it off the list; gives it as it was. Its idempotency key can be used again.

        Raises ``Unavailable`` where its provider cannot be asked now, and ``Refused`` where it still cannot be removed.
        """
        self._policy.require("resolve_leftover")
        saga = await self._saga(key, path)
        if action is LeftoverAction.DISMISS:
            await self._settler.dismiss(saga)
            return Leftover.of(saga)
        outcome = await self._settler.compensate_again(self._policy.directory.get(saga.provider), saga)
        if outcome.again:
            message = f"{saga.provider} cannot be asked now. What is left stays on the list: try again in a while."
            raise Unavailable(message, provider=saga.provider, path=path)
        if outcome.things:
            message = f"{', '.join(outcome.things)} could not be removed: {outcome.reason} Dismiss it once that is dealt with."
            raise Refused(message, provider=saga.provider, path=path)
        return Leftover.of(saga)

    async def _saga(self, key: str, path: Sequence[str]) -> Saga:
        saga = await self._sagas.get(key)
        if saga is None or saga.state is not SagaState.LEFT or saga.provider not in self._policy.directory:
            raise NotFound("There is no such leftover (any more).", path=path)
        return saga
