"""Writes to sessions that exist: looked up as they are now, changed at most once for each idempotency key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeAlias

from gateway.directory import ConnectedProvider
from gateway.signing.policy import Policy
from gateway.signing.saga.idempotency import FindOutcome, IdempotencyKeys, Work
from gateway.signing.saga.receipt import Written
from gateway.signing.saga.single_call import Effect, SingleCalls
from gateway.signing.sessions.reader import SessionReader
from providers.capability import Operation
from providers.errors import WrongState
from providers.model import ParticipantStatus, Session, SessionRef

SESSION: Final = ("input", "session")
_NOW: Final = timedelta(0)

Call: TypeAlias = Callable[[ConnectedProvider, Session], Awaitable[Session]]
"""Changes a session by one call at its provider."""


class SessionWrites:
    """Writes of one viewer. What ``Commands`` and ``Editing`` have in common."""

    def __init__(self, policy: Policy, reader: SessionReader, keys: IdempotencyKeys, calls: SingleCalls) -> None:
        self._policy = policy
        self._reader = reader
        self._keys = keys
        self._calls = calls

    async def target(
        self, ref: SessionRef, operation: Operation, path: Sequence[str] = SESSION
    ) -> tuple[ConnectedProvider, Session]:
        """The provider and the session as it is now. Raises ``Unsupported``, ``NotFound``, ``WrongState``."""
        provider = self._policy.directory.get_supporting(ref.provider, operation, path=path)
        session = await self._reader.session(ref, _NOW)
        if not provider.capabilities.allows(operation, session.status):
            verb = operation.lower().replace("_", " ")
            raise WrongState(f"{provider.name} cannot {verb} while it is {session.status}.", path=path, provider=provider.name)
        return provider, session

    async def change(
        self, ref: SessionRef, operation: Operation, once: str | None, meaning: object, call: Call, effect: Effect
    ) -> Written:
        """Changes a session by a call that is not repeated."""

        async def change(key: str | None) -> Written:
            provider, session = await self.target(ref, operation)
            return effect.written(session, await self._calls.make(session, lambda: call(provider, session), effect, key))

        return await self.once(ref, once, (operation, ref, meaning), change, self._calls.find_outcome(effect))

    async def edit(self, ref: SessionRef, operation: Operation, path: Sequence[str], call: Call) -> tuple[Session, Session]:
        """Changes a session by a call that may be repeated; gives the session before and after it."""
        provider, before = await self.target(ref, operation, path)
        return before, await self._calls.make(before, lambda: call(provider, before), CONTENT)

    async def once(
        self, ref: SessionRef, once: str | None, meaning: object, work: Work, find_outcome: FindOutcome | None = None
    ) -> Written:
        """Does the work at most once for an idempotency key; a receipt is handed out only where this viewer may have it."""
        self._policy.require_provider(ref.provider, SESSION)
        return await self._keys.run(once, meaning, work, find_outcome)

    async def session_of(self, written: Written) -> Session:
        """The session of a write; that of a receipt is read, and may be another viewer's: the policy is asked again."""
        ref = written.receipt.session
        self._policy.require_provider(ref.provider)
        return written.session or await self._reader.stored_or_fetched(ref) or await self._reader.session(ref)


def content(session: Session) -> object:
    """The content of a session, without the progress of its participants."""
    return (
        session.title,
        session.reminder_frequency,
        session.signing_order,
        [(each.key, each.title, each.filename, each.description) for each in session.documents],
        [
            replace(each, status=ParticipantStatus.UNKNOWN, provider_status=None, signed_at=None)
            for each in session.participants
        ],
        session.fields,
    )


CONTENT: Final = Effect(content)
"""Effect of a call that changes the content of a session."""
