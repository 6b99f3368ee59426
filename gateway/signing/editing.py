"""What is inside a session: documents, participants, fields and their order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from gateway.directory import Connected
from gateway.signing.drafts import DocumentDraft
from gateway.signing.receipt import Receipt
from gateway.signing.writing import Writing, content
from gateway.web.uploads import safe_filename
from providers.capability import Operation
from providers.errors import Invalid, NotFound
from providers.model import Document, Field, Participant, Session, SessionRef, SigningOrder
from providers.orders import DocumentChange, FieldChange, FieldPlacement, ParticipantChange, ParticipantOrder


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=_Keyed)
Call = Callable[[Connected, Session], Awaitable[Session]]


class Editing(Writing):
    """What can be done within a session. ``once`` is an idempotency key."""

    async def set_signing_order(
        self, ref: SessionRef, order: SigningOrder, participants: Sequence[str], once: str | None = None
    ) -> Session:
        """Says who signs after whom; without ``participants`` their present order stays."""

        async def set_order(provider: Connected, session: Session) -> Session:
            keys = tuple(person.key for person in session.participants)
            wanted = tuple(participants) or keys
            if sorted(wanted) != sorted(keys):
                raise Invalid("Name every participant of the session, each once.", path=("input", "participants"))
            return await provider.adapter.set_signing_order(session, order, wanted)

        return await self._act(ref, Operation.SET_SIGNING_ORDER, once, (order, tuple(participants)), set_order)

    async def add_document(self, ref: SessionRef, draft: DocumentDraft, once: str | None = None) -> tuple[Session, Document]:
        """Adds a document to a session that has not started."""

        async def add(promise: str | None) -> Receipt:
            provider, before = await self._for_change(ref, Operation.ADD_DOCUMENT)
            order, file = await self._ordering.document(provider, draft)
            after = await self._changed(before, lambda: self._ordering.attach(provider, before, order), _documents, promise)
            await self._ordering.spend([file])
            return added(before, after)

        def added(before: Session, after: Session) -> Receipt:
            return Receipt(ref, _new(before.documents, after.documents))

        came_of = self._came_of(_documents, added)
        self._ordering.require(ref.provider, ("input", "session"), (draft,))
        receipt = await self._once.do(once, ("add document", ref, draft.meaning), add, came_of)
        session = await self._session_of(receipt)
        return session, _found(session.document(receipt.child or ""), "document")

    async def update_document(self, ref: SessionRef, key: str, change: DocumentChange) -> tuple[Session, Document]:
        """Changes what a document is called; its file is named as that of a new document would be."""
        change = replace(change, filename=safe_filename(change.filename))
        session = await self._inside(
            ref,
            Operation.UPDATE_DOCUMENT,
            ("input", "document"),
            lambda at, now: at.adapter.update_document(now, _found(now.document(key), "document"), change),
        )
        return session, _found(session.document(key), "document")

    async def remove_document(self, ref: SessionRef, key: str) -> list[str]:
        """Takes a document out of a session; gives the keys of the fields that went with it."""
        before, after = await self._edited(
            ref,
            Operation.REMOVE_DOCUMENT,
            ("input", "document"),
            lambda at, now: at.adapter.remove_document(now, _found(now.document(key), "document")),
        )
        return _gone(before.fields, after.fields)

    async def add_participant(
        self, ref: SessionRef, order: ParticipantOrder, once: str | None = None
    ) -> tuple[Session, Participant]:
        """Adds a person to a session that has not started."""

        async def add(provider: Connected, session: Session) -> Session:
            checked = self._ordering.participant(provider, order)
            return await provider.adapter.add_participant(session, checked)

        return await self._joined(ref, Operation.ADD_PARTICIPANT, once, order, add)

    async def add_self(self, ref: SessionRef, once: str | None = None) -> tuple[Session, Participant]:
        """Adds the person that the provider's token belongs to."""
        return await self._joined(ref, Operation.ADD_SELF, once, None, lambda at, session: at.adapter.add_self(session))

    async def update_participant(self, ref: SessionRef, key: str, change: ParticipantChange) -> tuple[Session, Participant]:
        """Changes who a person is, or how they are invited."""
        session = await self._inside(
            ref,
            Operation.UPDATE_PARTICIPANT,
            ("input", "participant"),
            lambda at, now: at.adapter.update_participant(now, _found(now.participant(key), "participant"), change),
        )
        return session, _found(session.participant(key), "participant")

    async def remove_participant(self, ref: SessionRef, key: str) -> list[str]:
        """Takes a person out of a session; gives the keys of the fields that went with them."""
        before, after = await self._edited(
            ref,
            Operation.REMOVE_PARTICIPANT,
            ("input", "participant"),
            lambda at, now: at.adapter.remove_participant(now, _found(now.participant(key), "participant")),
        )
        return _gone(before.fields, after.fields)

    async def add_field(self, ref: SessionRef, field: FieldPlacement) -> tuple[Session, Field]:
        """Places a field on a document."""
        _require_page(field.page)
        provider, before = await self._for_change(ref, Operation.ADD_FIELD, ("input", "document"))
        _found(before.document(field.document), "document")
        if field.participant is not None:
            _found(before.participant(field.participant), "participant")
        after = await self._changed(before, lambda: provider.adapter.add_field(before, field), _fields)
        return after, _found(after.field(_new(before.fields, after.fields) or ""), "field")

    async def update_field(self, ref: SessionRef, key: str, change: FieldChange) -> tuple[Session, Field]:
        """Moves a field, or changes whether it has to be filled."""
        _require_page(change.page)
        session = await self._inside(
            ref,
            Operation.UPDATE_FIELD,
            ("input", "field"),
            lambda at, now: at.adapter.update_field(now, _found(now.field(key), "field"), change),
        )
        return session, _found(session.field(key), "field")

    async def remove_field(self, ref: SessionRef, key: str) -> list[str]:
        """Removes a field and every field that depends on it; gives the keys of all."""
        before, after = await self._edited(
            ref,
            Operation.REMOVE_FIELD,
            ("input", "field"),
            lambda at, now: at.adapter.remove_field(now, _found(now.field(key), "field")),
        )
        return _gone(before.fields, after.fields)

    async def _joined(
        self, ref: SessionRef, operation: Operation, once: str | None, meaning: object, call: Call
    ) -> tuple[Session, Participant]:
        async def join(promise: str | None) -> Receipt:
            provider, before = await self._for_change(ref, operation)
            return joined(before, await self._changed(before, lambda: call(provider, before), _people, promise))

        def joined(before: Session, after: Session) -> Receipt:
            return Receipt(ref, _new(before.participants, after.participants))

        came_of = self._came_of(_people, joined)
        self.policy.require_provider(ref.provider, ("input", "session"))
        receipt = await self._once.do(once, (operation, ref, meaning), join, came_of)
        session = await self._session_of(receipt)
        return session, _found(session.participant(receipt.child or ""), "participant")

    async def _inside(self, ref: SessionRef, operation: Operation, path: tuple[str, ...], call: Call) -> Session:
        _, after = await self._edited(ref, operation, path, call)
        return after

    async def _edited(
        self, ref: SessionRef, operation: Operation, path: tuple[str, ...], call: Call
    ) -> tuple[Session, Session]:
        """The session before and after a call that can be repeated."""
        provider, before = await self._for_change(ref, operation, path)
        return before, await self._changed(before, lambda: call(provider, before), content)


def _found(item: T | None, what: str) -> T:
    if item is None:
        raise NotFound(f"There is no such {what} in the session (any more).", path=("input", what))
    return item


def _documents(session: Session) -> object:
    return {each.key for each in session.documents}


def _people(session: Session) -> object:
    return {each.key for each in session.participants}


def _fields(session: Session) -> object:
    return {each.key for each in session.fields}


def _new(before: Iterable[_Keyed], after: Iterable[_Keyed]) -> str | None:
    """The key that has come."""
    known = {item.key for item in before}
    return next((item.key for item in after if item.key not in known), None)


def _gone(before: Iterable[_Keyed], after: Iterable[_Keyed]) -> list[str]:
    """The keys that have gone."""
    left = {item.key for item in after}
    return [item.key for item in before if item.key not in left]


def _require_page(page: int | None) -> None:
    if page is not None and page < 1:
        raise Invalid("The first page is 1.", path=("input", "page"))
