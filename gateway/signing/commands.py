"""Commands: create, start, end and copy whole sessions, and store signatures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from gateway.directory import ConnectedProvider
from gateway.signing.orders.draft import SessionDraft
from gateway.signing.orders.order_builder import OrderBuilder
from gateway.signing.policy import Policy
from gateway.signing.saga.idempotency import IdempotencyKeys
from gateway.signing.saga.receipt import Receipt, Written
from gateway.signing.saga.runner import SagaRunner
from gateway.signing.saga.single_call import Effect, SingleCalls
from gateway.signing.session_writes import CONTENT, SESSION, SessionWrites
from gateway.signing.sessions.observe import Observation
from gateway.signing.sessions.reader import SessionReader
from gateway.signing.sessions.tombstones import deleted
from providers.capability import Operation, Support
from providers.errors import Invalid, NotFound, SigningError
from providers.model import ChangeSource, Session, SessionKind, SessionRef, SessionStatus, Signature
from providers.orders import SessionChange, SignatureOrder
from providers.saga import Steps

_PROVIDER: Final = ("input", "provider")
_STORED_SIGNATURE: Final = ("input", "signature")
_STARTED: Final = Effect(lambda session: session.status in {SessionStatus.DRAFT, SessionStatus.READY})
_CANCELED: Final = Effect(lambda session: session.status in {SessionStatus.CANCELED, SessionStatus.DELETED})
_DELETED: Final = Effect(lambda session: session.status is SessionStatus.DELETED)
_ENDS: Final[Mapping[Operation, Effect]] = {Operation.CANCEL_SESSION: _CANCELED, Operation.DELETE_SESSION: _DELETED}

_End: TypeAlias = Callable[[ConnectedProvider, Session, Steps], Awaitable[Session]]
"""Ends a session, and records the steps of that where it takes several calls."""


class Commands:
    """Commands of one viewer. ``once`` is an idempotency key."""

    def __init__(
        self,
        policy: Policy,
        orders: OrderBuilder,
        writes: SessionWrites,
        sagas: SagaRunner,
        keys: IdempotencyKeys,
        calls: SingleCalls,
        reader: SessionReader,
        observation: Observation,
    ) -> None:
        self._policy = policy
        self._orders = orders
        self._writes = writes
        self._sagas = sagas
        self._keys = keys
        self._calls = calls
        self._reader = reader
        self._observation = observation

    async def create_session(self, draft: SessionDraft, once: str | None = None, flaws: Sequence[Invalid] = ()) -> Session:
        """Creates a session. Raises a group of ``Invalid`` before any call; a failure later compensates what was made."""

        async def create(key: str | None) -> Written:
            prepared = await self._orders.prepare(draft, flaws)
            adapter, order = prepared.provider.adapter, prepared.order
            async with self._orders.spending(draft.documents, prepared.files):
                return await self._sagas.run(
                    prepared.provider,
                    Operation.CREATE_SESSION,
                    lambda steps, marker: adapter.create_session(replace(order, marker=marker), steps),
                    key,
                )

        self._policy.require("create_session")
        self._orders.require(draft.provider, _PROVIDER, draft.documents)
        return await self._writes.session_of(await self._keys.run(once, ("create", draft.meaning), create))

    async def duplicate_session(self, ref: SessionRef, title: str | None, once: str | None = None) -> Session:
        """Creates a session with the same documents, participants and fields; the original stays."""

        async def duplicate(key: str | None) -> Written:
            provider, session = await self._writes.target(ref, Operation.DUPLICATE_SESSION)
            return await self._sagas.run(
                provider,
                Operation.DUPLICATE_SESSION,
                lambda steps, marker: provider.adapter.duplicate_session(session, title, marker, steps),
                key,
            )

        self._policy.require("duplicate_session")
        self._require_copy(ref)
        return await self._writes.session_of(await self._keys.run(once, ("duplicate", ref, title), duplicate))

    async def recreate_session(self, ref: SessionRef, title: str | None, reason: str, once: str | None = None) -> Session:
        """Creates a session like this one, and cancels this one, in one saga; gives the new one."""

        async def recreate(key: str | None) -> Written:
            provider, session = await self._writes.target(ref, Operation.RECREATE_SESSION)
            written = await self._sagas.run(
                provider,
                Operation.RECREATE_SESSION,
                lambda steps, marker: provider.adapter.recreate_session(session, title, reason, marker, steps),
                key,
            )
            await self._reader.fetch_or_evict(ref)
            return written

        self._policy.require("recreate_session")
        self._require_copy(ref)
        return await self._writes.session_of(await self._keys.run(once, ("recreate", ref, title, reason), recreate))

    async def update_session(self, ref: SessionRef, change: SessionChange, once: str | None = None) -> Session:
        """Changes a session that has not started."""
        self._policy.require("update_session")
        written = await self._writes.change(
            ref,
            Operation.UPDATE_SESSION,
            once,
            change,
            lambda provider, session: provider.adapter.update_session(session, change),
            CONTENT,
        )
        return await self._writes.session_of(written)

    async def start_session(self, ref: SessionRef, once: str | None = None) -> Session:
        """Makes a draft ready and invites the participants, or starts the sealing of a batch."""
        self._policy.require("start_session")
        written = await self._writes.change(
            ref,
            Operation.START_SESSION,
            once,
            None,
            lambda provider, session: provider.adapter.start_session(session),
            _STARTED,
        )
        return await self._writes.session_of(written)

    async def cancel_session(self, ref: SessionRef, reason: str, once: str | None = None) -> Session:
        """Ends a session before everyone has signed."""

        async def cancel(provider: ConnectedProvider, session: Session, steps: Steps) -> Session:
            return await provider.adapter.cancel_session(session, reason, steps)

        self._policy.require("cancel_session")
        return await self._end(ref, Operation.CANCEL_SESSION, once, reason, cancel)

    async def delete_session(self, ref: SessionRef, once: str | None = None) -> Session:
        """Removes a session at its provider; its tombstone stays."""

        async def delete(provider: ConnectedProvider, session: Session, steps: Steps) -> Session:
            await provider.adapter.delete_session(session, steps)
            return deleted(session)

        self._policy.require("delete_session")
        return await self._end(ref, Operation.DELETE_SESSION, once, None, delete)

    async def save_signature(self, provider: str, order: SignatureOrder, once: str | None = None) -> Signature:
        """Stores a signature, or its next version."""

        async def save(key: str | None) -> Written:
            adapter = self._signature_store(provider).adapter
            if key is not None:
                # The record is found by the order itself: its state before the call need not be known.
                record = Session(provider=provider, key="", kind=SessionKind.RECORD, status=SessionStatus.UNKNOWN)
                await self._keys.record_before(key, record)
            return await self._observe_saved(await adapter.save_signature(order))

        async def find_outcome(before: Session) -> Written | None:
            try:
                saved = await self._signature_store(provider).adapter.find_saved_signature(order)
            except SigningError as error:
                raise self._calls.undecided(provider) from error
            return None if saved is None else await self._observe_saved(saved)

        self._policy.require("save_signature")
        self._policy.require_provider(provider, _PROVIDER)
        written = await self._keys.run(once, ("save", provider, order), save, find_outcome)
        return (await self._writes.session_of(written)).signatures[0]

    async def delete_signature(self, ref: SessionRef, key: str) -> Session:
        """Removes a stored signature with all its versions."""
        self._policy.require("delete_signature")
        provider, session = await self._writes.target(ref, Operation.DELETE_SIGNATURE, _STORED_SIGNATURE)
        signature = session.signature(key)
        if signature is None:
            raise NotFound("There is no such signature.", path=_STORED_SIGNATURE)
        await provider.adapter.delete_signature(session, signature)
        return await self._observation.observe(deleted(session), ChangeSource.MUTATION)

    async def _end(self, ref: SessionRef, operation: Operation, once: str | None, meaning: object, end: _End) -> Session:
        """Ends a session: by a saga where its provider needs several calls for that, or else by one call."""
        effect = _ENDS[operation]

        async def work(key: str | None) -> Written:
            provider, session = await self._writes.target(ref, operation)
            if provider.capabilities.support(operation) is Support.COMPOSED:
                return await self._sagas.run(provider, operation, lambda steps, marker: end(provider, session, steps), key)
            ended = await self._calls.make(session, lambda: end(provider, session, Steps()), effect, key)
            return effect.written(session, ended)

        written = await self._writes.once(ref, once, (operation, ref, meaning), work, self._calls.find_outcome(effect))
        return await self._writes.session_of(written)

    def _signature_store(self, provider: str) -> ConnectedProvider:
        return self._policy.directory.get_supporting(provider, Operation.SAVE_SIGNATURE, path=_PROVIDER)

    async def _observe_saved(self, seen: Session) -> Written:
        session = await self._observation.observe(seen, ChangeSource.MUTATION)
        return Written(Receipt(session.ref, session.signatures[0].key), session)

    def _require_copy(self, ref: SessionRef) -> None:
        """Raises ``NotFound`` or ``Forbidden`` where this viewer may not copy that session, also where it was copied before."""
        self._policy.require_provider(ref.provider, SESSION)
        self._policy.require_bytes(SESSION)
