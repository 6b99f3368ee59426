"""Whole sessions and stored signatures: made, started, ended, copied."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import msgspec

from gateway.config import Settings
from gateway.directory import Connected, Directory
from gateway.signing.drafts import SessionDraft
from gateway.signing.gone import deleted
from gateway.signing.heartbeat import Heartbeat
from gateway.signing.idempotency import CameOf, Once, Work
from gateway.signing.ordering import Ordering
from gateway.signing.receipt import Receipt
from gateway.signing.saga_runner import Undertakings
from gateway.signing.showing import Showing
from gateway.store import SagaCommit, Store
from gateway.store.sagas import SagaLeftover
from gateway.web.uploads import Uploads
from providers.capability import Operation, Support
from providers.clock import Clock
from providers.errors import InDoubt, Invalid, NotFound, SigningError, Unavailable, WrongState
from providers.model import ChangeSource, ParticipantStatus, Session, SessionKind, SessionRef, SessionStatus, Signature
from providers.orders import SessionChange, SignatureOrder
from providers.saga import Steps

_NOW = timedelta(0)
_SESSION = ("input", "session")
_GONE = {SessionStatus.CANCELED, SessionStatus.DELETED}

Look = Callable[[Session], object]

_MOVES: Mapping[Operation, Look] = {
    Operation.START_SESSION: lambda session: session.status in {SessionStatus.DRAFT, SessionStatus.READY},
    Operation.CANCEL_SESSION: lambda session: session.status in _GONE,
    Operation.DELETE_SESSION: lambda session: session.status is SessionStatus.DELETED,
}
"""What changes about a session when it is started or ended."""


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether a provider could carry out an order, and what stands in the way."""

    provider: Connected
    problems: Sequence[SigningError]


class Writing(Showing):
    """What can be done with whole sessions. ``once`` is an idempotency key."""

    def __init__(self, settings: Settings, directory: Directory, store: Store, uploads: Uploads, clock: Clock) -> None:
        super().__init__(settings, directory, store, uploads, clock)
        self._ordering = Ordering(self.policy, uploads, store, clock)
        heartbeat = Heartbeat(store.gateways, settings.sagas.lease, clock, secrets.token_hex(8))
        self._undertakings = Undertakings(directory, store, clock, heartbeat, self._kept)
        self._once = Once(store, settings, clock, heartbeat)
        self._retry_after = settings.sagas.lease

    async def open(self) -> None:
        """Begins to look after sagas that a dead gateway left."""
        await super().open()
        await self._undertakings.open(self._once.release_unattended)

    async def close(self) -> None:
        """Ends everything that is under way."""
        await self._undertakings.close()
        await super().close()

    async def eligible(self, draft: SessionDraft, flaws: Sequence[Invalid] = ()) -> list[Eligibility]:
        """Which providers could carry out an order, and why the others could not. Calls no provider.

        ``flaws`` are what is wrong with the texts of the order at any provider.
        """
        return [Eligibility(each, await self._ordering.problems(each, draft, flaws)) for each in self.directory]

    async def create_session(self, draft: SessionDraft, once: str | None = None, flaws: Sequence[Invalid] = ()) -> Session:
        """Makes a session. Raises a group of ``Invalid`` before any call; a failure later unmakes what was made."""

        async def create(promise: str | None) -> Receipt:
            provider, order, files = await self._ordering.prepare(draft, flaws)
            session = await self._undertakings.run(
                provider,
                Operation.CREATE_SESSION,
                lambda steps, marker: provider.adapter.create_session(replace(order, marker=marker), steps),
                promise,
            )
            await self._ordering.spend(files)
            return Receipt(session.ref)

        self._ordering.require(draft.provider, ("input", "provider"), draft.documents)
        return await self._session_of(await self._once.do(once, ("create", draft.meaning), create))

    async def duplicate_session(self, ref: SessionRef, title: str | None, once: str | None = None) -> Session:
        """Makes a new session with the same documents, participants and fields; the original stays."""

        async def duplicate(promise: str | None) -> Receipt:
            provider, session = await self._for_change(ref, Operation.DUPLICATE_SESSION)
            copy = await self._undertakings.run(
                provider,
                Operation.DUPLICATE_SESSION,
                lambda steps, marker: provider.adapter.duplicate_session(session, title, marker, steps),
                promise,
            )
            return Receipt(copy.ref)

        self._require_copy(ref)
        return await self._session_of(await self._once.do(once, ("duplicate", ref, title), duplicate))

    async def recreate_session(self, ref: SessionRef, title: str | None, reason: str, once: str | None = None) -> Session:
        """Makes a new session like this one, and cancels this one, in one step; gives the new one."""

        async def recreate(promise: str | None) -> Receipt:
            provider, session = await self._for_change(ref, Operation.RECREATE_SESSION)
            copy = await self._undertakings.run(
                provider,
                Operation.RECREATE_SESSION,
                lambda steps, marker: provider.adapter.recreate_session(session, title, reason, marker, steps),
                promise,
            )
            await self._read_again(ref)
            return Receipt(copy.ref)

        self._require_copy(ref)
        return await self._session_of(await self._once.do(once, ("recreate", ref, title, reason), recreate))

    async def update_session(self, ref: SessionRef, change: SessionChange, once: str | None = None) -> Session:
        """Changes a session that has not started."""
        return await self._act(
            ref, Operation.UPDATE_SESSION, once, change, lambda at, session: at.adapter.update_session(session, change)
        )

    async def start_session(self, ref: SessionRef, once: str | None = None) -> Session:
        """Makes a draft ready and invites the participants, or starts the sealing of a batch."""
        return await self._act(ref, Operation.START_SESSION, once, None, lambda at, session: at.adapter.start_session(session))

    async def cancel_session(self, ref: SessionRef, reason: str, once: str | None = None) -> Session:
        """Ends a session before everyone has signed."""

        async def cancel(provider: Connected, session: Session, steps: Steps) -> Session:
            return await provider.adapter.cancel_session(session, reason, steps)

        return await self._end(ref, Operation.CANCEL_SESSION, once, reason, cancel)

    async def delete_session(self, ref: SessionRef, once: str | None = None) -> Session:
        """Removes a session at its provider; what is known of it stays, as deleted."""

        async def delete(provider: Connected, session: Session, steps: Steps) -> Session:
            await provider.adapter.delete_session(session, steps)
            return deleted(session)

        return await self._end(ref, Operation.DELETE_SESSION, once, None, delete)

    async def save_signature(self, provider: str, order: SignatureOrder, once: str | None = None) -> Signature:
        """Stores a signature, or its next version."""

        def able() -> Connected:
            return self.directory.able(provider, Operation.SAVE_SIGNATURE, path=("input", "provider"))

        async def save(promise: str | None) -> Receipt:
            adapter = able().adapter
            if promise is not None:
                # The record is found by the order itself: nothing need be known of it before.
                await self._once.attempt(
                    promise, Session(provider=provider, key="", kind=SessionKind.RECORD, status=SessionStatus.UNKNOWN)
                )
            return await saved(await adapter.save_signature(order))

        async def saved(seen: Session) -> Receipt:
            session = await self.observe(seen, ChangeSource.MUTATION)
            return Receipt(session.ref, session.signatures[0].key)

        async def came_of(before: Session) -> Receipt | None:
            try:
                found = await able().adapter.find_saved_signature(order)
            except SigningError as error:
                raise self._open(provider) from error
            return None if found is None else await saved(found)

        self.policy.require_provider(provider, ("input", "provider"))
        session = await self._session_of(await self._once.do(once, ("save", provider, order), save, came_of))
        return session.signatures[0]

    async def delete_signature(self, ref: SessionRef, key: str) -> Session:
        """Removes a stored signature with all its versions."""
        provider, session = await self._for_change(ref, Operation.DELETE_SIGNATURE, ("input", "signature"))
        signature = session.signature(key)
        if signature is None:
            raise NotFound("There is no such signature.", path=("input", "signature"))
        await provider.adapter.delete_signature(session, signature)
        return await self.observe(deleted(session), ChangeSource.MUTATION)

    async def _kept(self, session: Session, saga: str, remainder: SagaLeftover | None) -> Session:
        """Keeps what a saga came to; the saga ends with that, and its idempotency key has its result."""
        session = deleted(session) if session.status is SessionStatus.DELETED else session
        result = msgspec.msgpack.encode(Receipt(session.ref))
        until = self._once.kept_until()
        settlement = SagaCommit(saga=saga, owner=self._undertakings.owner, result=result, until=until, leftover=remainder)
        return await self.observe(session, ChangeSource.MUTATION, settlement=settlement)

    async def _act(
        self,
        ref: SessionRef,
        operation: Operation,
        once: str | None,
        meaning: object,
        call: Callable[[Connected, Session], Awaitable[Session]],
    ) -> Session:
        """One change of one session, by a call that is not repeated."""

        async def act(promise: str | None) -> Receipt:
            provider, session = await self._for_change(ref, operation)
            look = _MOVES.get(operation, content)
            return Receipt((await self._changed(session, lambda: call(provider, session), look, promise)).ref)

        return await self._once_for(ref, operation, once, meaning, act)

    async def _end(
        self,
        ref: SessionRef,
        operation: Operation,
        once: str | None,
        meaning: object,
        call: Callable[[Connected, Session, Steps], Awaitable[Session]],
    ) -> Session:
        """The end of a session: a saga where the provider needs several calls for it, or else one call."""

        async def end(promise: str | None) -> Receipt:
            provider, session = await self._for_change(ref, operation)
            if provider.capabilities.support(operation) is Support.COMPOSED:
                ended = await self._undertakings.run(
                    provider, operation, lambda steps, marker: call(provider, session, steps), promise
                )
            else:
                ended = await self._changed(session, lambda: call(provider, session, Steps()), _MOVES[operation], promise)
            return Receipt(ended.ref)

        return await self._once_for(ref, operation, once, meaning, end)

    async def _once_for(self, ref: SessionRef, operation: Operation, once: str | None, meaning: object, work: Work) -> Session:
        came_of = self._came_of(_MOVES.get(operation, content), lambda before, now: Receipt(now.ref))
        self.policy.require_provider(ref.provider, _SESSION)
        return await self._session_of(await self._once.do(once, (operation, ref, meaning), work, came_of))

    async def _changed(
        self, before: Session, call: Callable[[], Awaitable[Session]], look: Look, promise: str | None = None
    ) -> Session:
        """The session after a call. One that was not answered is settled by reading what came of it.

        ``look`` is what the call would change. What the session was like is kept with the ``promise``, so that it can
        also be settled later, and elsewhere.
        """
        if promise is not None:
            await self._once.attempt(promise, before)
        try:
            return await self.observe(await call(), ChangeSource.MUTATION)
        except InDoubt as error:
            try:
                now = await self._fetch(before.ref, ChangeSource.READ, {})
            except SigningError:
                raise error from None
            if look(now) != look(before):
                return now
            if error.in_flight:
                raise
            settled = f"{error.message} The gateway has looked: nothing has changed. Try again."
            raise Unavailable(settled, provider=error.provider, path=error.path) from error

    def _came_of(self, look: Look, receipt: Callable[[Session, Session], Receipt]) -> CameOf:
        """What came of a call that nobody saw end, by what its session was like before."""

        async def came_of(before: Session) -> Receipt | None:
            try:
                now = await self._fetch(before.ref, ChangeSource.READ, {})
            except SigningError as error:
                raise self._open(before.provider) from error
            return receipt(before, now) if look(now) != look(before) else None

        return came_of

    def _open(self, provider: str) -> InDoubt:
        """The outcome of a key is open, as its provider cannot be asked now."""
        what = "The gateway cannot find out yet what came of this. Send it again in a while."
        return InDoubt(what, path=("input", "idempotencyKey"), provider=provider, retry_after=self._retry_after)

    def _require_copy(self, ref: SessionRef) -> None:
        """Raises ``NotFound`` or ``Forbidden`` where this viewer may not copy that session, also where it was copied before."""
        self.policy.require_provider(ref.provider, _SESSION)
        self.policy.require_bytes(_SESSION)

    async def _for_change(
        self, ref: SessionRef, operation: Operation, path: tuple[str, ...] = _SESSION
    ) -> tuple[Connected, Session]:
        """The provider and the session as it is now. Raises ``Unsupported``, ``NotFound``, ``WrongState``."""
        provider = self.directory.able(ref.provider, operation, path=path)
        session = await self.session(ref, _NOW)
        if not provider.capabilities.allows(operation, session.status):
            verb = operation.lower().replace("_", " ")
            raise WrongState(f"{provider.name} cannot {verb} while it is {session.status}.", path=path, provider=provider.name)
        return provider, session

    async def _session_of(self, receipt: Receipt) -> Session:
        """The session of a receipt, which may be another's: it is shown to whom it may be shown now."""
        self.policy.require_provider(receipt.session.provider)
        known = await self._kept_session(receipt.session)
        return known or await self.session(receipt.session)

    async def _read_again(self, ref: SessionRef) -> None:
        try:
            await self._fetch(ref, ChangeSource.READ, {})
        except SigningError:
            self._cache.drop(ref)


def content(session: Session) -> object:
    """What a session consists of, but for how far anyone is with it."""
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
