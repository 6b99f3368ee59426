"""Editing: documents, participants and fields of a session that has not started, and the order of signing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Protocol, TypeVar

from gateway.directory import ConnectedProvider
from gateway.signing.orders.draft import DocumentDraft
from gateway.signing.orders.order_builder import OrderBuilder
from gateway.signing.policy import Policy
from gateway.signing.saga.receipt import Receipt, Written
from gateway.signing.saga.single_call import Effect, SingleCalls
from gateway.signing.session_writes import CONTENT, SESSION, Call, SessionWrites
from gateway.web.uploads import safe_filename
from providers.capability import Operation
from providers.errors import Invalid, NotFound
from providers.model import Document, Field, Participant, Session, SessionRef, SigningOrder
from providers.orders import DocumentChange, FieldChange, FieldPlacement, ParticipantChange, ParticipantOrder


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=_Keyed)


def _added(parts: Callable[[Session], Sequence[_Keyed]]) -> Effect:
    """Effect of a call that adds a part; the receipt names it."""

    def keys(session: Session) -> object:
        return {each.key for each in parts(session)}

    def receipt(before: Session, after: Session) -> Receipt:
        old = {each.key for each in parts(before)}
        return Receipt(before.ref, next((each.key for each in parts(after) if each.key not in old), None))

    return Effect(keys, receipt)


_DOCUMENT_ADDED: Final = _added(lambda session: session.documents)
_PARTICIPANT_ADDED: Final = _added(lambda session: session.participants)
_FIELD_ADDED: Final = _added(lambda session: session.fields)
_DOCUMENT: Final = ("input", "document")
_PARTICIPANT: Final = ("input", "participant")
_FIELD: Final = ("input", "field")


class Editing:
    """Edits of one viewer. ``once`` is an idempotency key."""

    def __init__(self, policy: Policy, orders: OrderBuilder, writes: SessionWrites, calls: SingleCalls) -> None:
        self._policy = policy
        self._orders = orders
        self._writes = writes
        self._calls = calls

    async def set_signing_order(
        self, ref: SessionRef, order: SigningOrder, participants: Sequence[str], once: str | None = None
    ) -> Session:
        """Says who signs after whom; without ``participants`` their present order stays."""

        async def set_order(provider: ConnectedProvider, session: Session) -> Session:
            present = tuple(person.key for person in session.participants)
            ordered = tuple(participants) or present
            if sorted(ordered) != sorted(present):
                raise Invalid("Name every participant of the session, each once.", path=("input", "participants"))
            return await provider.adapter.set_signing_order(session, order, ordered)

        self._policy.require("set_signing_order")
        meaning = (order, tuple(participants))
        written = await self._writes.change(ref, Operation.SET_SIGNING_ORDER, once, meaning, set_order, CONTENT)
        return await self._writes.session_of(written)

    async def add_document(self, ref: SessionRef, draft: DocumentDraft, once: str | None = None) -> tuple[Session, Document]:
        """Adds a document to a session that has not started."""

        async def add(key: str | None) -> Written:
            provider, before = await self._writes.target(ref, Operation.ADD_DOCUMENT)
            order, file = await self._orders.document(provider, draft)
            attach = partial(self._orders.attach, provider, before, order)
            async with self._orders.spending((draft,), (file,)):
                after = await self._calls.make(before, attach, _DOCUMENT_ADDED, key)
            return _DOCUMENT_ADDED.written(before, after)

        self._policy.require("add_document")
        self._orders.require(ref.provider, SESSION, (draft,))
        meaning, find_outcome = ("add document", ref, draft.meaning), self._calls.find_outcome(_DOCUMENT_ADDED)
        written = await self._writes.once(ref, once, meaning, add, find_outcome)
        session = await self._writes.session_of(written)
        return session, _require(session.document(written.receipt.child or ""), "document")

    async def update_document(self, ref: SessionRef, key: str, change: DocumentChange) -> tuple[Session, Document]:
        """Renames a document; its file name is made safe like that of a new document."""
        self._policy.require("update_document")
        change = replace(change, filename=safe_filename(change.filename))
        _, session = await self._writes.edit(
            ref,
            Operation.UPDATE_DOCUMENT,
            _DOCUMENT,
            lambda at, now: at.adapter.update_document(now, _require(now.document(key), "document"), change),
        )
        return session, _require(session.document(key), "document")

    async def remove_document(self, ref: SessionRef, key: str) -> list[str]:
        """Removes a document; gives the keys of the fields that went with it."""
        self._policy.require("remove_document")
        before, after = await self._writes.edit(
            ref,
            Operation.REMOVE_DOCUMENT,
            _DOCUMENT,
            lambda at, now: at.adapter.remove_document(now, _require(now.document(key), "document")),
        )
        return _removed(before.fields, after.fields)

    async def add_participant(
        self, ref: SessionRef, order: ParticipantOrder, once: str | None = None
    ) -> tuple[Session, Participant]:
        """Adds a person to a session that has not started."""

        async def add(provider: ConnectedProvider, session: Session) -> Session:
            return await provider.adapter.add_participant(session, self._orders.participant(provider, order))

        self._policy.require("add_participant")
        return await self._add_participant(ref, Operation.ADD_PARTICIPANT, once, order, add)

    async def add_self(self, ref: SessionRef, once: str | None = None) -> tuple[Session, Participant]:
        """Adds the person that the provider's token belongs to."""
        self._policy.require("add_self")
        return await self._add_participant(
            ref, Operation.ADD_SELF, once, None, lambda at, session: at.adapter.add_self(session)
        )

    async def update_participant(self, ref: SessionRef, key: str, change: ParticipantChange) -> tuple[Session, Participant]:
        """Changes who a person is, or how they are invited."""
        self._policy.require("update_participant")
        _, session = await self._writes.edit(
            ref,
            Operation.UPDATE_PARTICIPANT,
            _PARTICIPANT,
            lambda at, now: at.adapter.update_participant(now, _require(now.participant(key), "participant"), change),
        )
        return session, _require(session.participant(key), "participant")

    async def remove_participant(self, ref: SessionRef, key: str) -> list[str]:
        """Removes a person; gives the keys of the fields that went with them."""
        self._policy.require("remove_participant")
        before, after = await self._writes.edit(
            ref,
            Operation.REMOVE_PARTICIPANT,
            _PARTICIPANT,
            lambda at, now: at.adapter.remove_participant(now, _require(now.participant(key), "participant")),
        )
        return _removed(before.fields, after.fields)

    async def add_field(self, ref: SessionRef, field: FieldPlacement) -> tuple[Session, Field]:
        """Places a field on a document."""
        self._policy.require("add_field")
        _require_page(field.page)
        provider, before = await self._writes.target(ref, Operation.ADD_FIELD, _DOCUMENT)
        _require(before.document(field.document), "document")
        if field.participant is not None:
            _require(before.participant(field.participant), "participant")
        after = await self._calls.make(before, lambda: provider.adapter.add_field(before, field), _FIELD_ADDED)
        return after, _require(after.field(_FIELD_ADDED.receipt(before, after).child or ""), "field")

    async def update_field(self, ref: SessionRef, key: str, change: FieldChange) -> tuple[Session, Field]:
        """Moves a field, or changes whether it has to be filled."""
        self._policy.require("update_field")
        _require_page(change.page)
        _, session = await self._writes.edit(
            ref,
            Operation.UPDATE_FIELD,
            _FIELD,
            lambda at, now: at.adapter.update_field(now, _require(now.field(key), "field"), change),
        )
        return session, _require(session.field(key), "field")

    async def remove_field(self, ref: SessionRef, key: str) -> list[str]:
        """Removes a field and every field that depends on it; gives the keys of all."""
        self._policy.require("remove_field")
        before, after = await self._writes.edit(
            ref,
            Operation.REMOVE_FIELD,
            _FIELD,
            lambda at, now: at.adapter.remove_field(now, _require(now.field(key), "field")),
        )
        return _removed(before.fields, after.fields)

    async def _add_participant(
        self, ref: SessionRef, operation: Operation, once: str | None, meaning: object, call: Call
    ) -> tuple[Session, Participant]:
        written = await self._writes.change(ref, operation, once, meaning, call, _PARTICIPANT_ADDED)
        session = await self._writes.session_of(written)
        return session, _require(session.participant(written.receipt.child or ""), "participant")


def _require(part: T | None, name: str) -> T:
    if part is None:
        raise NotFound(f"There is no such {name} in the session (any more).", path=("input", name))
    return part


def _removed(before: Iterable[_Keyed], after: Iterable[_Keyed]) -> list[str]:
    left = {part.key for part in after}
    return [part.key for part in before if part.key not in left]


def _require_page(page: int | None) -> None:
    if page is not None and page < 1:
        raise Invalid("The first page is 1.", path=("input", "page"))
