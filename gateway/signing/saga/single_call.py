"""Single calls: writes that are one call at the provider, which is not repeated; an unanswered one is settled by a read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.signing.saga.idempotency import FindOutcome, IdempotencyKeys
from gateway.signing.saga.receipt import Receipt, Written
from gateway.signing.sessions.observe import Observation
from gateway.signing.sessions.reader import SessionReader
from providers.errors import InDoubt, SigningError, Unavailable
from providers.model import ChangeSource, Session

Aspect: TypeAlias = Callable[[Session], object]


def _session_receipt(before: Session, after: Session) -> Receipt:
    return Receipt(after.ref)


@dataclass(frozen=True, slots=True)
class Effect:
    """Effect of a call: the aspect of the session that differs after it, and the receipt by the states before and after."""

    aspect: Aspect
    receipt: Callable[[Session, Session], Receipt] = _session_receipt

    def shows(self, before: Session, after: Session) -> bool:
        """Whether the call has taken effect."""
        return self.aspect(after) != self.aspect(before)

    def written(self, before: Session, after: Session) -> Written:
        """The result of the call."""
        return Written(self.receipt(before, after), after)


class SingleCalls:
    """Makes single calls, and finds their outcome where they were not answered."""

    def __init__(self, reader: SessionReader, observation: Observation, keys: IdempotencyKeys, retry_after: float) -> None:
        self._reader = reader
        self._observation = observation
        self._keys = keys
        self._retry_after = retry_after

    async def make(
        self, before: Session, call: Callable[[], Awaitable[Session]], effect: Effect, key: str | None = None
    ) -> Session:
        """Makes a call and observes the session that it answers with; one that is not answered is settled by a read.

        The state ``before`` is recorded under the idempotency key first, so that another gateway can settle the call later.
        """
        if key is not None:
            await self._keys.record_before(key, before)
        try:
            return await self._observation.observe(await call(), ChangeSource.MUTATION)
        except InDoubt as error:
            return await self._settle(before, effect, error)

    def find_outcome(self, effect: Effect) -> FindOutcome:
        """Finds by a read whether a call has taken effect whose end nobody saw."""

        async def find(before: Session) -> Written | None:
            try:
                now = await self._reader.fetch(before.ref, ChangeSource.READ, {})
            except SigningError as error:
                raise self.undecided(before.provider) from error
            return effect.written(before, now) if effect.shows(before, now) else None

        return find

    def undecided(self, provider: str) -> InDoubt:
        """The outcome of a key cannot be found, as the provider does not answer now."""
        message = "The gateway cannot find out yet what came of this. Send it again in a while."
        return InDoubt(message, path=("input", "idempotencyKey"), provider=provider, retry_after=self._retry_after)

    async def _settle(self, before: Session, effect: Effect, error: InDoubt) -> Session:
        try:
            now = await self._reader.fetch(before.ref, ChangeSource.READ, {})
        except SigningError:
            raise error from None
        if effect.shows(before, now):
            return now
        if error.in_flight:
            raise error
        settled = f"{error.message} The gateway has looked: nothing has changed. Try again."
        raise Unavailable(settled, provider=error.provider, path=error.path) from error
