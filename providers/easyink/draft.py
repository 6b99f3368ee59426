"""What can be done with a draft: its documents, its fields, the order of its people, and what it is called."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace

from providers.clock import Clock
from providers.easyink import marker, wire
from providers.easyink import sessions as translation
from providers.easyink.client import EasyInkApi
from providers.easyink.errors import about
from providers.easyink.orders import about_place, field, options, participant, place
from providers.errors import Busy, Invalid, NotFound, Refused, SigningError, WrongState
from providers.http.deadline import remaining_time
from providers.http.task_group import task_group
from providers.model import (
    Document,
    DocumentRole,
    DocumentStatus,
    Field,
    ReminderFrequency,
    Session,
    SessionStatus,
    SigningOrder,
)
from providers.orders import DocumentOrder, FieldChange, FieldOrder, FieldPlacement, Order, SessionChange
from providers.saga import Steps

# Seconds between looks at documents that are being processed: about 20 in all.
_PAUSES = (0.1, 0.2, 0.4, 0.8, *([1.5] * 12))
_NO_SUCH_CALL = frozenset({404, 405})


def require_draft(session: Session) -> None:
    """Raises ``WrongState`` where a session is no draft any more."""
    if session.status is not SessionStatus.DRAFT:
        raise WrongState(f"Session {session.key} is no draft any more and can no longer be changed.", path=("input", "session"))


def check_title(title: str | None) -> None:
    """Raises ``Invalid`` for a title that is too long."""
    if title is not None and len(title) > wire.LONGEST_SUBJECT:
        raise Invalid(f"Give a title of at most {wire.LONGEST_SUBJECT} characters.", path=("input", "title"))


class Drafts:
    """Sessions that have not been converted. Every method may raise any ``ProviderError``."""

    def __init__(self, api: EasyInkApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def create(self, order: Order, steps: Steps) -> Session:
        """A draft with everything of an order, complete but for its conversion."""
        subject = marker.marked(marker.DRAFT, order.title, order.marker) if order.marker else order.title
        key = await self._api.make("create_draft", {"subject": subject})
        created_at = self._clock.now()  # our own record: EasyInk tells it in lists only
        await steps.record(marker.DRAFT, key)
        async with task_group() as tasks:
            uploading = tasks.create_task(self._upload_all(key, order))
            inviting = tasks.create_task(self._invite_all(key, order))
        uploaded, people = uploading.result(), inviting.result()
        if order.marker or order.reminder_frequency is not None:
            await self._describe(key, order.title if order.marker else None, order.reminder_frequency)
        known = replace(self._api.carried(key), reference=order.reference, created_at=created_at, documents=tuple(uploaded))
        session = await self._api.draft(key, known)
        if order.fields or order.start:
            session = await self.processed(session)
        if not order.fields:
            return session
        await self._place(key, [field(each, uploaded[each.document].key, _owner(each, people)) for each in order.fields])
        return await self._api.draft(key, session)

    async def adopt(self, key: str, title: str) -> Session:
        """Takes the mark off a copy that EasyInk has made."""
        created_at = self._clock.now()
        await self._describe(key, title, None)
        return await self._api.draft(key, replace(self._api.carried(key), created_at=created_at))

    async def unmark(self, key: str) -> None:
        """Takes the mark off what has taken the place of a session, where it still carries one."""
        draft = await self._api.draft(key, None)
        if draft.title is not None and (plain := marker.without_mark(draft.title)) != draft.title:
            await self._describe(key, plain, None)

    async def update(self, session: Session, change: SessionChange) -> Session:
        """What a draft is called, and how often its people are reminded."""
        require_draft(session)
        check_title(change.title)
        if change != SessionChange():
            await self._describe(session.key, change.title, change.reminder_frequency)
        return await self._api.draft(session.key, session)

    async def drop(self, key: str) -> None:
        """Deletes a draft with all that belongs to it; one that is gone counts as deleted.

        Raises ``WrongState`` where it has become a session.
        """
        try:
            await self._api.do("DELETE", "delete_draft", session=key)
        except NotFound:
            # A draft may be gone because it was converted; its session is not.
            if await self._api.exists("session_exists", session=key):
                raise WrongState(f"Session {key} is no draft any more: cancel it instead.", path=("input", "session")) from None

    async def arrange(self, session: Session, order: SigningOrder, participants: tuple[str, ...]) -> Session:
        """Who signs after whom; without ``participants`` their present order stays."""
        require_draft(session)
        if order is SigningOrder.PARALLEL:
            await self._api.do("PUT", "parallel_order", session=session.key)
            return await self._api.draft(session.key, session)
        present = [person.key for person in session.participants]
        if not present:
            raise Invalid("There is nobody to be put in order: add participants first.", path=("input", "order"))
        wanted = list(participants) or present
        if sorted(wanted) != sorted(present):
            raise Invalid("Name every participant of the session, each once.", path=("input", "participants"))
        await self._sequence(session.key, wanted)
        return await self._api.draft(session.key, session)

    async def add_document(self, session: Session, document: DocumentOrder, steps: Steps) -> Session:
        """A document or an attachment, which is still being processed when this returns."""
        require_draft(session)
        uploaded = await self._upload(session.key, document)
        name = "attachment" if document.role is DocumentRole.ATTACHMENT else "document"
        await steps.record(name, f"{session.key}/{uploaded.key}")
        return await self._api.draft(session.key, replace(session, documents=(*session.documents, uploaded)))

    async def remove_document(self, session: Session, document: Document) -> Session:
        """A document with the fields on it, or an attachment."""
        require_draft(session)
        name = "remove_attachment" if document.role is DocumentRole.ATTACHMENT else "remove_document"
        with about("document"):
            return await self.removed(session, name, lambda now: now.document(document.key), document=document.key)

    async def add_field(self, session: Session, placed: FieldPlacement) -> Session:
        """A field, once its document is processed."""
        require_draft(session)
        _objected(placed)
        document = session.document(placed.document)
        if document is None:
            raise NotFound("There is no such document in the session (any more).", path=("input", "document"))
        if document.role is not DocumentRole.TO_SIGN:
            raise Invalid("EasyInk has fields on documents to sign only: name one of those.", path=("input", "document"))
        ready = await self.processed(session, placed.document)
        with about("participant"):
            await self._api.make("add_field", field(placed, placed.document, placed.participant), session=session.key)
        return await self._api.draft(session.key, ready)

    async def update_field(self, session: Session, placed: Field, change: FieldChange) -> Session:
        """Where a field is, and whether it has to be filled: where the second fails, the first is taken back."""
        require_draft(session)
        _objected(change)
        wanted = replace(placed, **{name: value for name, value in asdict(change).items() if value is not None})
        with about("field"):
            if moved := place(wanted) != place(placed):
                await self._move(session, wanted)
            if change.required is not None:
                try:
                    await self._require(session, wanted)
                except SigningError:
                    if moved:
                        with suppress(SigningError):
                            await self._move(session, placed)
                    raise
        return await self._api.draft(session.key, session)

    async def remove_field(self, session: Session, placed: Field) -> Session:
        """A field with all that depend on it."""
        require_draft(session)
        with about("field"):
            return await self.removed(session, "remove_field", lambda now: now.field(placed.key), field=placed.key)

    async def removed(self, session: Session, name: str, left: Callable[[Session], object | None], **keys: str) -> Session:
        """Removes a part of a draft; what was gone already is fine, where it really is."""
        missing: NotFound | None = None
        try:
            await self._api.do("DELETE", name, session=session.key, **keys)
        except NotFound as error:
            missing = error
        fresh = await self._api.draft(session.key, session)
        if missing is not None and left(fresh) is not None:
            raise missing
        return fresh

    async def processed(self, session: Session, document: str | None = None) -> Session:
        """Looks at a draft until a document of it is ready, or all are. Raises ``Busy`` where that takes too long."""
        for pause in (*_PAUSES, None):
            awaited = [each for each in session.documents if document in {None, each.key}]
            if failed := [each.key for each in awaited if each.status is DocumentStatus.FAILED]:
                what = f"{self._api.provider} could not process {', '.join(failed)}."
                raise Refused(what, provider=self._api.provider)
            if all(each.status is DocumentStatus.READY for each in awaited):
                return session
            left = remaining_time(self._clock)
            if pause is None or (left is not None and left <= pause):
                break
            await self._clock.sleep(pause)
            session = await self._api.draft(session.key, session)
        what = f"{self._api.provider} is still processing the documents of {session.key}."
        raise Busy(what, provider=self._api.provider)

    async def _upload_all(self, key: str, order: Order) -> list[Document]:
        """One by one, as they are shown in the order in which they came."""
        return [await self._upload(key, document) for document in order.documents]

    async def _invite_all(self, key: str, order: Order) -> list[str]:
        """One by one, as the documents."""
        people = [await self._api.make("add_participant", participant(person), session=key) for person in order.participants]
        if order.signing_order is SigningOrder.SEQUENTIAL and people:
            await self._sequence(key, people)
        return people

    async def _upload(self, key: str, document: DocumentOrder) -> Document:
        made = await self._api.upload(key, document)
        return translation.as_ordered(self._api.carried(key).ref, made, document, self._clock.now())

    async def _place(self, key: str, fields: list[dict[str, object]]) -> None:
        """Several fields at once, by a call that is not published in full; one by one where there is no such call."""
        if len(fields) > 1:
            try:
                await self._api.do("POST", "add_fields", {"signatureFields": fields}, session=key)
            except (NotFound, Refused) as refused:
                if refused.status not in _NO_SUCH_CALL:
                    raise
            else:
                return
        for each in fields:
            await self._api.make("add_field", each, session=key)

    async def _describe(self, key: str, title: str | None, reminders: ReminderFrequency | None) -> None:
        words: dict[str, object] = {} if title is None else {"subject": title}
        if reminders is not None:
            words["reminderFrequency"] = wire.theirs(wire.REMINDER, reminders)
        await self._api.do("PATCH", "update_draft", words, session=key)

    async def _sequence(self, key: str, people: list[str]) -> None:
        await self._api.do("PUT", "sequential_order", {"participantsOrder": people}, session=key)

    async def _move(self, session: Session, placed: Field) -> None:
        await self._api.do("PUT", "update_field_placement", place(placed), session=session.key, field=placed.key)

    async def _require(self, session: Session, placed: Field) -> None:
        words = options(placed.type, placed.required)
        await self._api.do("PUT", "update_field_options", words, session=session.key, field=placed.key)


def _owner(placed: FieldOrder, people: list[str]) -> str | None:
    return None if placed.participant is None else people[placed.participant]


def _objected(placed: FieldPlacement | FieldChange) -> None:
    for name, message in about_place(placed):
        raise Invalid(message, path=("input", name))
